"""Shows viewers the pictures that reach a sink, rarely and small, and only for as long as requested."""

import time
from collections.abc import Callable

from framewire.pipeline.frame.packet import FRAME, Packet
from framewire.pipeline.frame.ring import RingReader
from framewire.pipeline.wire.message import Message, Seen, Watch


class Glimpses:
    """Copies pictures for the server. Its cost is a copy of a small picture, at most ten times a second."""

    def __init__(self, send: Callable[[str, Message], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._send = send
        self._clock = clock
        self._watch: Watch | None = None
        self._until = 0.0
        self._last: dict[tuple[str, str], float] = {}

    def watch(self, asked: Watch) -> None:
        """Show pictures for the time asked."""
        self._watch = asked
        self._until = self._clock() + asked.seconds

    def show(self, sink: str, packet: Packet, reader: RingReader) -> None:
        """Send this frame's picture, if somebody watches and none of its stream was just sent.

        One whose pixels have stayed on another machine is shown there. Raises PictureLostError.
        """
        now = self._clock()
        if self._watch is None or now >= self._until:
            self._watch = None
            return
        key = (sink, packet.stream)
        ref = packet.pictures.get(FRAME)
        if ref is None or not ref.is_here or now - self._last.get(key, 0.0) < self._watch.every_s:
            return
        self._last[key] = now
        step = max(1, ref.width // self._watch.width)
        small = reader.view(ref)[::step, ::step]
        height, width = small.shape[:2]
        self._send(self._watch.endpoint, Seen(sink, packet, height, width, step, small.tobytes()))
