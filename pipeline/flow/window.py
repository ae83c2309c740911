"""The sliding window of a stream at its source: how many frames may be in flight, and which to send again."""

import msgspec

from framewire.pipeline.frame.packet import Packet

WINDOW_DEFAULT = 32
"""Unsettled frames of a stream: a video sink holds half of them as one fragment of half a second at 30 fps,
and the other half keeps every stage of a ten-stage graph busy."""
WINDOW_MIN = 4
"""A fragment of two frames, and two to work on: below that stages would wait for each other."""
RING_BYTES_DEFAULT = 256 * 2**20
"""Memory for the pictures of one ring: 32 pictures of 1920x1080 fit (199 MB); 4K gets a window of 10."""


def window_for(height: int, width: int, wanted: int, ring_bytes: int) -> int:
    """The window of a stream of BGR pictures of this size: as wanted, or as many as fit into `ring_bytes`."""
    fitting = ring_bytes // max(1, height * width * 3)
    return max(WINDOW_MIN, min(wanted, fitting))


class SourceWindow:
    """The unsettled frames of one stream, kept by its source: at most `size`, numbered without gaps.

    Example:
        window = SourceWindow(size=4, mark=0)
        while window.open: window.admit(packet_for(window.next_seq))
        window.settle(2)       # two more may be admitted
        window.unsettled()     # what to send again when a worker has died
    """

    def __init__(self, size: int, mark: int = 0) -> None:
        self.size = size
        self.mark = mark
        self.next_seq = mark
        self._sent: dict[int, Packet] = {}

    @property
    def open(self) -> bool:
        """Whether one more frame may be admitted."""
        return self.next_seq < self.mark + self.size

    @property
    def under_way(self) -> int:
        """Frames admitted and not yet settled."""
        return self.next_seq - self.mark

    def packet(self, seq: int) -> Packet | None:
        """The unsettled frame with this number; None if there is none."""
        return self._sent.get(seq)

    def admit(self, packet: Packet) -> None:
        """Admit the next frame. Raises ValueError if the window is full or the seq is not the next."""
        if not self.open or packet.seq != self.next_seq:
            raise ValueError(f"frame {packet.seq} of {packet.stream} may not be admitted now")
        self._sent[packet.seq] = packet
        self.next_seq += 1

    def settle(self, mark: int) -> None:
        """Every frame below `mark` is settled. A mark never decreases: an older one changes nothing."""
        for seq in range(self.mark, min(mark, self.next_seq)):
            del self._sent[seq]
        self.mark = max(self.mark, min(mark, self.next_seq))

    def unsettled(self) -> list[Packet]:
        """The frames that may have been lost with a worker, in order, with the current mark."""
        return [msgspec.structs.replace(packet, mark=self.mark) for packet in self._sent.values()]
