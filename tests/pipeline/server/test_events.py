"""Server-Sent Events: what is kept, then what comes."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from framewire.pipeline.frame.happening import KEPT, Happening
from framewire.pipeline.frame.packet import Event
from framewire.pipeline.server import events as module
from framewire.pipeline.server.events import Events


def happening(number: int) -> tuple[int, Happening]:
    return number, Happening("door", number, 0, number / 25, 1_767_225_600_000, Event("came", track=number))


def ids(parts: list[bytes]) -> list[int]:
    return [int(part.split(b"\n")[0].removeprefix(b"id: ")) for part in parts]


async def first(feed: AsyncIterator[bytes], count: int) -> list[bytes]:
    return [part async for part in _some(feed, count)]


async def _some(feed: AsyncIterator[bytes], count: int) -> AsyncIterator[bytes]:
    while count:
        part = await anext(feed)
        if part:
            count -= 1
            yield part


def test_the_last_thousand_are_kept_and_numbers_go_on() -> None:
    async def check() -> None:
        events = Events()
        await events.take(map(happening, range(1, KEPT + 6)))
        assert ids(await first(events.since(0), 2)) == [6, 7]
        assert ids(await first(events.since(1003), 2)) == [1004, 1005]

    asyncio.run(check())


def test_each_comes_once_as_it_happens() -> None:
    async def check() -> None:
        events = Events()
        watching = asyncio.create_task(first(events.since(0), 3))
        await events.take([happening(1)])
        # The server was restarted: it is told of those again.
        await events.take([happening(1), happening(2)])
        await events.take([happening(3)])
        parts = await watching
        assert ids(parts) == [1, 2, 3]
        assert json.loads(parts[0].split(b"data: ")[1]) == {
            "kind": "came",
            "track": 1,
            "id": 1,
            "stream": "door",
            "seq": 1,
            "pts": 0.04,
            "time": "2026-01-01T00:00:00.000Z",
        }

    asyncio.run(check())


def test_a_number_of_another_run_is_none_of_this() -> None:
    async def check() -> None:
        events = Events()
        await events.take([happening(1)])
        assert ids(await first(events.since(500), 1)) == [1]

    asyncio.run(check())


def test_silence_is_filled_with_comments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PING_S", 0.01)

    async def check() -> None:
        assert (await first(Events().since(0), 1))[0].startswith(b":")

    asyncio.run(check())
