"""nats:// or tls://: JetStream, which acknowledges what is on its disk, and drops repeats by their id."""

import asyncio
import re
import threading
from collections.abc import Coroutine, Mapping, Sequence
from typing import Annotated, Any, ClassVar, TypeVar

from msgspec import Meta, Struct

from framewire.pipeline.privacy.address import shown
from framewire.pipeline.stage import StageError
from framewire.stages.publish.places.address import parsed
from framewire.stages.publish.places.place import PATIENCE_S, Message, NotNowError, Place, PlaceOptions, up_to, words_of
from framewire.stages.publish.places.transport_security import tls_context

SUBJECT = re.compile(r"[^\s.*>]+(\.[^\s.*>]+)*")
FRAME_BYTES = 512
"""What a message's headers may take of the server's limit."""
TOO_LARGE = 10054
"""JetStream's code for a message that is larger than its stream allows."""
T = TypeVar("T")


class JetStreamSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The stream of JetStream's that keeps the messages."""

    jetstream: Annotated[
        str,
        Meta(description="Name of the stream, created for the topic's subjects if missing; empty: you create it"),
    ] = "framewire"


class JetStream(Place):
    """The messages of each stream go out one after the other, those of several side by side."""

    Settings = JetStreamSettings
    library: ClassVar[tuple[str, str]] = ("nats", "nats")
    destination: ClassVar[str] = "topic"
    default: ClassVar[str] = "framewire.{pipeline}.{stream}"
    batch_max: int = 100

    def __init__(self, options: PlaceOptions) -> None:
        super().__init__(options)
        self._address = parsed(options.to)
        self._tls = tls_context(options) if self._address.scheme == "tls" else None
        self._subjects = ".".join("*" if "{" in token else token for token in options.destination.split("."))
        example = re.sub(r"\{\w+\}", "x", options.destination)
        if not SUBJECT.fullmatch(example):
            raise StageError(f"topic {options.destination!r} is not a NATS subject: use words separated by dots")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._client: Any = None
        self._error = ""

    @classmethod
    def plain(cls, value: str) -> str:
        """One token of a subject."""
        return re.sub(r"[\s.*>]", "_", value) or "_"

    def open(self) -> None:
        """See Place."""
        loop = self._loop = asyncio.new_event_loop()
        # It must answer the server's pings while nothing is sent.
        threading.Thread(target=_run, args=(loop,), name="nats", daemon=True).start()
        self._wait(self._connect())

    def send(self, messages: Sequence[Message]) -> Mapping[int, str]:
        """See Place."""
        return self._wait(self._send(messages))

    def close(self) -> None:
        """See Place."""
        loop, self._loop = self._loop, None
        if loop is None:
            return
        client, self._client = self._client, None
        if client is not None:
            asyncio.run_coroutine_threadsafe(_leave(client, loop), loop)
        else:
            loop.call_soon_threadsafe(loop.stop)

    def _wait(self, what: Coroutine[Any, Any, T]) -> T:
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(what, self._loop).result()

    async def _connect(self) -> None:
        import nats

        options = self.options
        user = options.username or self._address.username
        password = options.password or self._address.password
        given = {
            "user": user if password else "",
            "password": password,
            # nats://TOKEN@host
            "token": options.token or ("" if password else user),
            "tls": self._tls,
        }
        server = self._address.at(4222)
        if self._tls is not None:
            await self._need_tls()
        connecting = nats.connect(
            f"nats://{server}",
            name=f"framewire {options.pipeline} {options.stage}",
            allow_reconnect=False,
            connect_timeout=PATIENCE_S,
            error_cb=self._on_error,
            closed_cb=self._on_closed,
            **{name: value for name, value in given.items() if value},
        )
        self._error = ""
        try:
            # It tries again by itself for minutes, and says nothing.
            self._client = await asyncio.wait_for(connecting, PATIENCE_S)
        except TimeoutError:
            raise NotNowError(self._error or f"{shown(options.to)} does not answer") from None
        self._jetstream = self._client.jetstream(timeout=PATIENCE_S)
        if options.settings.jetstream and not options.is_trial:
            await self._have_stream(options.settings.jetstream)

    async def _need_tls(self) -> None:
        """A server that speaks no TLS would get the password in the clear. Raises NotNowError, OSError."""
        port = self._address.port or 4222
        reader, writer = await asyncio.wait_for(asyncio.open_connection(self._address.host, port), PATIENCE_S)
        try:
            info = await asyncio.wait_for(reader.readline(), PATIENCE_S)
        finally:
            writer.close()
        if not re.search(rb'"tls_(required|available)"\s*:\s*true', info):
            raise NotNowError(f"{shown(self.options.to)} does not support TLS")

    async def _on_closed(self) -> None:
        if self._client is not None:
            # Else we have left it.
            self.lost(self._error or "the server has closed the connection")

    async def _on_error(self, error: Exception) -> None:
        self._error = _words(error)
        self.options.log.debug("%s: %s", shown(self.options.to), error)

    async def _have_stream(self, name: str) -> None:
        from nats.js.errors import NotFoundError

        try:
            known = await self._jetstream.stream_info(name)
        except NotFoundError:
            await self._jetstream.add_stream(name=name, subjects=[self._subjects])
            return
        if self._subjects not in (known.config.subjects or []):
            subjects = [*(known.config.subjects or []), self._subjects]
            await self._jetstream.update_stream(known.config.evolve(subjects=subjects))

    async def _send(self, messages: Sequence[Message]) -> dict[int, str]:
        chains: dict[str, list[int]] = {}
        for number, message in enumerate(messages):
            chains.setdefault(message.stream, []).append(number)
        refused: dict[int, str] = {}
        safe: set[int] = set()
        ways = (self._one_by_one(messages, numbers, safe, refused) for numbers in chains.values())
        failures = [one for one in await asyncio.gather(*ways, return_exceptions=True) if one is not None]
        if failures:
            done = safe | set(refused)
            delivered = next((number for number in range(len(messages)) if number not in done), 0)
            raise NotNowError(_words(failures[0]), delivered, refused=up_to(refused, delivered))
        return refused

    async def _one_by_one(
        self, messages: Sequence[Message], numbers: Sequence[int], safe: set[int], refused: dict[int, str]
    ) -> None:
        from nats.js.errors import APIError

        most = (self._client.max_payload or 2**20) - FRAME_BYTES
        for number in numbers:
            message = messages[number]
            if len(message.body) > most:
                refused[number] = f"{len(message.body)} bytes; the server takes {most}"
                continue
            headers = {"Nats-Msg-Id": message.id}
            try:
                await self._jetstream.publish(message.destination, message.body, headers=headers)
            except APIError as error:
                if error.err_code != TOO_LARGE:
                    raise
                refused[number] = error.description or "too large"
                continue
            safe.add(number)


def _run(loop: asyncio.AbstractEventLoop) -> None:
    loop.run_forever()
    loop.close()


async def _leave(client: Any, loop: asyncio.AbstractEventLoop) -> None:
    try:
        await asyncio.wait_for(client.close(), 1.0)
    finally:
        loop.stop()


def _words(error: BaseException) -> str:
    from nats.js.errors import NoStreamResponseError

    if isinstance(error, NoStreamResponseError):
        return "no JetStream stream takes this subject; create one, or name it in settings.jetstream"
    return words_of(error)
