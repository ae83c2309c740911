"""publish: what a run says of each frame, to a broker, a database or a webhook."""

import time
from collections.abc import Sequence

import msgspec

from framewire.pipeline.flow.no_room import NoRoomError
from framewire.pipeline.frame.packet import Packet
from framewire.pipeline.privacy.address import shown
from framewire.pipeline.result.result import FrameResult, encoded
from framewire.pipeline.stage import Sink, stage
from framewire.stages.publish.delivery import delivery_of
from framewire.stages.publish.options import Publishing, PublishOptions, publishing
from framewire.stages.publish.places.place import Message
from framewire.stages.publish.spool import Spool, spool_path

MIB = 2**20
KILL_MARGIN_S = 0.5
"""Closing ends so long before the worker would be killed."""
STOP_S = 0.3
"""How long a call to the place may still take when nobody waits for messages any more."""
TELL_S = 0.2
"""How often the account is told while messages go out."""


@stage("publish")
class Publish(Sink[PublishOptions]):
    """Publish results: to MQTT, Kafka, Redis, NATS, a webhook, SQLite, PostgreSQL, Parquet files, or a place of yours.

    A frame is settled once its message is in a spool on disk: from there it goes out by itself, in order, and nobody
    waits for a place that is down. Messages are lines as jsonl_writer writes them, with the run's id. Databases have
    each once, other places at least once. What could not be delivered by the end of the run waits for the next one,
    or for `framewire deliver OUT`. See docs/publish.md.

    Example:
        alerts: {use: publish, input: door, to: mqtt://broker, what: events, topic: "doors/{stream}"}
        log: {use: publish, input: people, to: postgresql://db/people, table: frames, every_s: 1}
        hook: {use: publish, input: door, to: "https://example.org/hook", what: events, where: {kind: crossed}}
    """

    Options = PublishOptions
    looks = False
    tuning = frozenset(
        {"to", "username", "password", "token", "ca_file", "cert_file", "key_file", "settings"}
        | {"spool_mb", "full", "flush_s"}
    )

    @classmethod
    def outputs(cls, options: PublishOptions) -> Sequence[str]:
        """A database that is a file. The file of refused messages has the stage's name, which is nobody else's."""
        scheme, _, path = options.to.partition(":///")
        return (path,) if scheme.lower() == "sqlite" and path else ()

    @classmethod
    def closing_s(cls, options: PublishOptions) -> float:
        """As long as the end waits for delivery."""
        return options.flush_s

    def try_out(self, connect: bool) -> str:
        """Without `connect`, only what needs nobody."""
        made = publishing(self.options, self.context)
        if not connect:
            return ""
        place = made.make_trial()
        try:
            place.open()
        except Exception as error:
            return f"{shown(self.options.to)} cannot be reached now ({error}); messages would wait for it"
        finally:
            place.close()
        return f"{shown(self.options.to)} answers"

    def open(self) -> None:
        """Open the spool; the place may be down."""
        made = publishing(self.options, self.context)
        self._made: Publishing = made
        self._selection = made.selection()
        self._next: dict[str, int] = {}
        self._waits_for_room = False
        self._told_at = 0.0
        path = spool_path(self.context.out, self.context.pipeline, self.context.name)
        self._spool = Spool(path, self.context.run, self.options.spool_mb * MIB, self.context.to_disk)
        self._spool.begin(self.context.pipeline, self.context.name, self.context.file)
        self._delivery = delivery_of(made, self._spool, self._told)
        self.context.facts["to"] = shown(self.options.to)
        if self._spool.waiting:
            self.log.info(
                "%d messages of an earlier run are waiting for %s", self._spool.waiting, shown(self.options.to)
            )
        self._publish_account()
        self._delivery.start()

    def write(self, packet: Packet) -> int:
        """Put the frame's message, if it has one, into the spool. Raises NoRoomError, OSError."""
        if packet.seq < self._next_of(packet.stream):
            # The worker before this one was killed after it had put it there.
            return packet.seq + 1
        result = self._selection.result(packet)
        if result is not None or self._selection.changes_memory:
            self._put(packet, result)
        self._next[packet.stream] = packet.seq + 1
        return packet.seq + 1

    def resume(self, stream: str, mark: int) -> None:
        """Choose on from what the spool says: what is in it stays."""
        self._next.pop(stream, None)

    def close(self) -> None:
        """Wait a while for delivery; the rest stays in the spool."""
        within = max(0.0, min(self.options.flush_s, self.context.closes_within_s - KILL_MARGIN_S - STOP_S))
        self._delivery.flush(within)
        self._delivery.stop(STOP_S)
        self._publish_account()
        if self._spool.waiting:
            self.log.warning(
                "%d messages are not delivered yet: the next run, or `framewire deliver %s`, sends them from %s",
                self._spool.waiting,
                self.context.out,
                self._spool.path,
            )
        self._spool.close()

    def _next_of(self, stream: str) -> int:
        known = self._next.get(stream)
        if known is None:
            known, memory = self._spool.next_of(stream)
            self._selection.remember(stream, memory)
            self._next[stream] = known
        return known

    def _put(self, packet: Packet, result: FrameResult | None) -> None:
        drops = self.options.full == "drop_oldest" or (self.options.full == "auto" and packet.live)
        if result is not None and self._spool.is_full and not drops:
            self._waits_for_room = True
            # Asked again: room that was made meanwhile has woken nobody.
            if self._spool.is_full:
                raise NoRoomError(str(self._spool.path), f"the spool is full ({self.options.spool_mb} MiB, spool_mb)")
        self._waits_for_room = False
        message = self._message(packet, result) if result is not None else None
        memory = self._selection.memory(packet.stream)
        self._spool.put(message, packet.stream, packet.seq + 1, memory, drops)
        if message is not None:
            self._delivery.more()

    def _message(self, packet: Packet, result: FrameResult) -> Message:
        values = {
            "stream": packet.stream,
            "pipeline": self.context.pipeline,
            "stage": self.context.name,
            "what": self.options.what,
        }
        made = self._made
        return Message(
            run=self.context.run,
            stream=packet.stream,
            seq=packet.seq,
            destination=made.destination.filled(values, made.place.plain),
            key=made.key.filled(values, str) if made.key is not None else "",
            body=encoded(msgspec.structs.replace(result, run=self.context.run)),
            at=time.time() if packet.taken_ms is None else packet.taken_ms / 1000,
        )

    def _told(self) -> None:
        """From the thread that delivers: there is news."""
        now = time.monotonic()
        if self._waits_for_room or not self._spool.waiting or now - self._told_at >= TELL_S:
            self._told_at = now
            self._publish_account()
            self.context.wake()

    def _publish_account(self) -> None:
        self.context.published = msgspec.structs.replace(
            self._spool.account(), down_since=self._delivery.down_since, trouble=self._delivery.trouble
        )
