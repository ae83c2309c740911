"""The process at one end of a link: workers here hand it what is for workers there, and get what came from there."""

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

import msgspec
import zmq

from framewire.pipeline.frame.packet import Packet, PictureRef
from framewire.pipeline.frame.ring import PictureLostError, RingReader
from framewire.pipeline.line.clock import ClockOffset
from framewire.pipeline.link.carriage import (
    Bye,
    Carried,
    LinkMisheardError,
    Picture,
    Ping,
    Pong,
    decode_header,
    encode_header,
)
from framewire.pipeline.link.codec import find_codec
from framewire.pipeline.link.exports import Exports
from framewire.pipeline.link.imports import Imports
from framewire.pipeline.link.landing import Landing
from framewire.pipeline.link.link_socket import GREETING_S, LinkBoot, LinkLostError, LinkSocket
from framewire.pipeline.link.outgoing import Part
from framewire.pipeline.seen.figures import WorkerFigures
from framewire.pipeline.wire.inbox import Inbox, Outboxes
from framewire.pipeline.wire.message import (
    Connect,
    Deliver,
    Exit,
    Forward,
    Message,
    RefusedError,
    Report,
    Watch,
    decode_for_worker,
    encode,
)
from framewire.pipeline.wire.refused import Refusals
from framewire.pipeline.worker.allocator import resident_bytes
from framewire.pipeline.worker.glimpse import Glimpses

PING_S = 0.5
"""How often the other end is asked for a sign of life, and the time."""
SILENCE_S = 1.5
"""Silence after which the link counts as lost."""
REPORT_S = 0.5
EARLY_MAX = 10_000
"""Messages for addresses that have not come: see Worker, which keeps as many of a future epoch."""

log = logging.getLogger("framewire.link")


class Porter:
    """One end of a link.

    What it is handed arrives in order, once, or the link is lost: then both ends are replaced, and with them an epoch
    begins, in which the sources whose frames cross the link send again what was not settled. It never reconnects: a
    connection that is made again may have lost messages without a word.
    """

    def __init__(self, name: str, incarnation: int, boot: LinkBoot, inbox: Inbox, outboxes: Outboxes) -> None:
        """Raises OSError if it cannot listen, LinkLostError, CodecMissingError."""
        self.name = name
        self._poller = zmq.Poller()
        self._poller.register(inbox.socket, zmq.POLLIN)
        self.socket = LinkSocket(boot, self._poller, self._place)
        self._codec = find_codec(boot.pixels)
        self.imports = Imports()
        self._landing = Landing(self.imports, self._codec)
        self._incarnation = incarnation
        self._boot = boot
        self._inbox = inbox
        self._outboxes = outboxes
        self._exports = Exports()
        self._glimpses = Glimpses(lambda endpoint, message: outboxes.send_to(endpoint, encode(message)))
        self._reader = RingReader()
        self._offset = ClockOffset()
        self._refusals = Refusals(name)
        self._heard_at = time.monotonic()
        self._received = 0
        self._is_behind = False
        """Whether something may wait on, of which the poller knows nothing."""
        self._ping_at = 0.0
        self._is_up = False
        self._leaving = False
        self._is_left = False
        self._lives: dict[str, int] = {}
        self._early: list[tuple[str, int, bytes]] = []
        """For workers whose address, in that life, has not come yet."""

    def greet(self) -> None:
        """Wait until the other end answers. Raises LinkLostError if it does not in time, SealMissingError."""
        until = time.monotonic() + GREETING_S
        while not self._is_up and not self._leaving:
            self._ping()
            self._wait(self._ping_at)
            self._take_all()
            if not self._boot.listens and time.monotonic() >= until:
                raise LinkLostError
            if self.socket.is_lost:
                raise LinkLostError

    def run(self, tell: Callable[[Message], None]) -> None:
        """Carry until the supervisor sends Exit. Raises LinkLostError; without a text if the other end said goodbye."""
        reported = 0.0
        while not self._leaving:
            self._ping()
            self._wait(min(self._ping_at, reported + REPORT_S))
            self._take_all()
            now = time.monotonic()
            is_silent = now - self._heard_at > SILENCE_S
            if self._is_left:
                # The same Exit is on its way to this end, unless only the other machine goes.
                if is_silent and not self._leaving:
                    raise LinkLostError
            elif (is_silent or self.socket.is_lost) and not self._leaving:
                raise LinkLostError("it was up")
            if now - reported >= REPORT_S:
                reported = now
                tell(self.report())
        self.socket.send([encode_header(Bye())])
        self.socket.run()

    def report(self) -> Report:
        """Its figures since it started."""
        refused = self._refusals.count + self.socket.refused
        figures = WorkerFigures({}, {}, time.process_time(), resident_bytes(), refused, 0)
        figures.link_bytes = self.socket.sent_bytes
        return Report(self.name, self._incarnation, figures)

    def close(self) -> None:
        """Close the connection and the rings."""
        self.socket.close()
        self.imports.close()

    def _wait(self, until: float) -> None:
        left_s = 0.0 if self._is_behind else until - time.monotonic()
        self._poller.poll(max(0, round(left_s * 1000)))

    def _ping(self) -> None:
        now = time.monotonic()
        if now >= self._ping_at:
            self._ping_at = now + PING_S
            self.socket.send([encode_header(Ping(now))])

    def _take_all(self) -> None:
        """Take what waits at both sides, one by one in turn, until it is time for something else."""
        self._is_behind = True
        while self._is_behind and time.monotonic() < self._ping_at:
            raw, header = self._inbox.waiting(), self.socket.waiting()
            if raw is not None:
                self._take(raw)
            if header is not None:
                self._arrived(header)
            self.socket.run()
            self._is_behind = raw is not None or header is not None
        if self.socket.received_bytes != self._received:
            self._received, self._heard_at = self.socket.received_bytes, time.monotonic()

    def _take(self, raw: bytes) -> None:
        try:
            message = decode_for_worker(raw)
            match message:
                case Forward():
                    self._carry(message)
                case Connect():
                    self._connect(message)
                case Watch():
                    self._glimpses.watch(message)
                case Exit():
                    self._leaving = True
                case _:
                    self._refusals.take(raw, "a porter has no use for this")
        except RefusedError as error:
            self._refusals.take(raw, error)

    def _connect(self, message: Connect) -> None:
        near = {name: peer for name, peer in message.peers.items() if not peer.is_far}
        self._lives.update({name: peer.incarnation for name, peer in near.items()})
        self._outboxes.readdress({name: peer.endpoint for name, peer in near.items()})
        early, self._early = self._early, []
        for worker, incarnation, raw in early:
            self._put(worker, incarnation, raw)

    def _put(self, worker: str, incarnation: int, raw: bytes) -> None:
        """Give a worker a message. The other machine may have heard of its new life before us: then wait."""
        if incarnation <= self._lives.get(worker, -1):
            self._outboxes.send(worker, raw)
        elif len(self._early) < EARLY_MAX:
            self._early.append((worker, incarnation, raw))
        else:
            raise LinkLostError

    def _carry(self, message: Forward) -> None:
        """Hand a message to the other end, with the pixels that it lacks and needs. Raises RefusedError."""
        carried = decode_for_worker(message.raw)
        if not isinstance(carried, Deliver) or not carried.packet.pictures:
            self.socket.send([encode_header(Carried(message.worker, message.incarnation, message.raw))])
            return
        packet = carried.packet
        producer, consumer = carried.edge
        self._exports.epoch(packet.source, carried.epoch)
        try:
            pictures, pixels = self._pictures(packet, consumer)
        except PictureLostError:
            # Its frame is settled, or its maker is gone: an epoch begins that voids this packet.
            return
        if consumer not in self._boot.looking and producer not in self._boot.unseen and packet.alive:
            # Nobody over there has a picture to show to viewers.
            with suppress(PictureLostError):
                self._glimpses.show(consumer, packet, self._reader)
        bare = msgspec.structs.replace(carried, packet=packet.without_pictures())
        header = Carried(message.worker, message.incarnation, encode(bare), pictures)
        self.socket.send([encode_header(header), *pixels])

    def _pictures(self, packet: Packet, consumer: str) -> tuple[list[Picture], list[Part]]:
        """A packet's pictures, and the pixels of those that the other side does not have, and needs for `consumer`.

        Raises PictureLostError.
        """
        pictures: list[Picture] = []
        pixels: list[Part] = []
        for name, ref in packet.pictures.items():
            home = self._at_home(ref)
            if home is not None:
                pictures.append(Picture(name, home, goes_home=True))
                continue
            if not ref.is_here or consumer not in self._boot.looking:
                machine = ref.machine or self._boot.here
                pictures.append(Picture(name, msgspec.structs.replace(ref, machine=machine)))
                continue
            view = self._reader.view(ref)
            is_new = self._exports.is_new(packet, ref)
            pictures.append(Picture(name, ref, pixels=is_new))
            if is_new:
                pixels.append(self._codec.encode(view))
        return pictures, pixels

    def _at_home(self, ref: PictureRef) -> PictureRef | None:
        """The reference that the other end itself has to a picture which came from there, or has stayed there."""
        if ref.machine == self._boot.there:
            return msgspec.structs.replace(ref, machine="")
        return self.imports.origin(ref) if ref.is_here else None

    def _place(self, header: bytes, sizes: Sequence[int]) -> Sequence[memoryview | None]:
        """Where the parts behind a header belong; what is wrong with it is told once they are here."""
        try:
            carried = decode_header(header)
            if isinstance(carried, Carried) and isinstance(message := decode_for_worker(carried.raw), Deliver):
                return self._landing.place(message.packet, carried.pictures, sizes)
        except (LinkMisheardError, RefusedError):
            pass
        return [None] * len(sizes)

    def _arrived(self, header: bytes) -> None:
        self._is_up = True
        try:
            match decode_header(header):
                case Ping() as ping:
                    self.socket.send([encode_header(Pong(ping.asked_at, time.monotonic()))])
                case Pong() as pong:
                    self._offset.answered(pong.asked_at, pong.now, time.monotonic())
                case Bye():
                    self._is_left = True
                case Carried() as carried:
                    self._deliver(carried)
        except (LinkMisheardError, RefusedError, PictureLostError, ValueError) as error:
            self._refusals.take(header, error)

    def _deliver(self, carried: Carried) -> None:
        """Raises LinkMisheardError, RefusedError, PictureLostError, ValueError."""
        message = decode_for_worker(carried.raw)
        if isinstance(message, Deliver):
            packet = self._by_our_clock(message.packet)
            if carried.pictures:
                packet = msgspec.structs.replace(packet, pictures=self._landing.take(packet, carried.pictures))
            message = msgspec.structs.replace(message, packet=packet)
        self._put(carried.worker, carried.incarnation, encode(message))

    def _by_our_clock(self, packet: Packet) -> Packet:
        ahead = self._offset.seconds
        return msgspec.structs.replace(packet, captured=packet.captured - ahead, sent=packet.sent - ahead)
