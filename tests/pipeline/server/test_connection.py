"""Connections whose other end keeps the server waiting, over real sockets."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from framewire.pipeline.server import connection
from framewire.pipeline.server.connection import BoundedConnection

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
LONG_S = 20.0
"""A test that waits so long has failed."""


async def _app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers `/` shortly, anything else with more than buffers hold."""
    body = b"ok" if scope["path"] == "/" else bytes(64 << 20)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    for start in range(0, len(body), 1 << 16):
        await send({"type": "http.response.body", "body": body[start : start + (1 << 16)], "more_body": True})
    await send({"type": "http.response.body", "body": b""})


@asynccontextmanager
async def serving() -> AsyncIterator[Callable[[], Awaitable[Streams]]]:
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(_app, http=BoundedConnection, ws="none", log_config=None, lifespan="off"))
    task = asyncio.create_task(server._serve([listening]))
    try:
        yield lambda: asyncio.open_connection("127.0.0.1", port)
    finally:
        server.should_exit = server.force_exit = True
        await task


async def is_closed(reader: asyncio.StreamReader) -> bool:
    try:
        async with asyncio.timeout(LONG_S):
            while await reader.read(1 << 20):
                pass
    except ConnectionResetError:
        return True
    return True


async def answer(streams: Streams) -> bytes:
    reader, writer = streams
    writer.write(REQUEST)
    async with asyncio.timeout(LONG_S):
        return (await reader.readuntil(b"\r\n\r\nok"))[:15]


def test_who_has_waited_longest_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "CONNECTIONS_MAX", 8)

    async def crowd() -> None:
        async with serving() as connect:
            half = [await connect() for _ in range(8)]
            for _, writer in half:
                writer.write(REQUEST[:-2])
            whole = []
            for number in range(8):
                whole.append(await connect())
                assert await answer(whole[-1]) == b"HTTP/1.1 200 OK"
                assert await is_closed(half[number][0])

    asyncio.run(crowd())


@pytest.mark.parametrize("sent", [b"", REQUEST[:9], REQUEST + REQUEST[:9]], ids=["nothing", "a part", "a next part"])
def test_a_request_that_never_ends_is_not_awaited(monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    monkeypatch.setattr(connection, "WAIT_S", 0.2)

    async def wait() -> None:
        async with serving() as connect:
            reader, writer = await connect()
            writer.write(sent)
            assert await is_closed(reader)

    asyncio.run(wait())


def test_a_request_byte_by_byte_gets_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "WAIT_S", 0.2)

    async def drip() -> None:
        async with serving() as connect, asyncio.timeout(LONG_S):
            reader, writer = await connect()
            writer.write(b"GET / HTTP/1.1\r\nX: ")
            end = asyncio.create_task(is_closed(reader))
            while not end.done():
                writer.write(b"x")
                await asyncio.wait([end], timeout=0.01)

    asyncio.run(drip())


def test_who_does_not_read_is_not_awaited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "WAIT_S", 0.2)

    async def stop_reading() -> None:
        async with serving() as connect:
            reader, writer = await connect()
            lost = asyncio.get_running_loop().create_future()
            protocol = writer.transport.get_protocol()
            assert isinstance(protocol, asyncio.StreamReaderProtocol)
            own = protocol.connection_lost

            def connection_lost(error: Exception | None) -> None:
                own(error)
                lost.set_result(None)

            monkeypatch.setattr(protocol, "connection_lost", connection_lost)
            writer.write(REQUEST.replace(b"/ ", b"/large ", 1))
            await reader.readexactly(1)
            async with asyncio.timeout(LONG_S):
                # Its own writes tell it that the server has gone.
                while not lost.done():
                    writer.write(b"\r\n")
                    await asyncio.wait([lost], timeout=0.01)

    asyncio.run(stop_reading())


def test_pipelined_requests_and_one_after_another_are_all_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    async def ask() -> None:
        async with serving() as connect, asyncio.timeout(LONG_S):
            streams = await connect()
            for _ in range(3):
                assert await answer(streams) == b"HTTP/1.1 200 OK"
            reader, writer = streams
            writer.write(3 * REQUEST)
            for _ in range(3):
                await reader.readuntil(b"\r\n\r\nok")

    asyncio.run(ask())
