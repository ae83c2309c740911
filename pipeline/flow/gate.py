"""The in-order gate: in front of every sink, and of every stage that must see a stream's frames in order."""

from framewire.pipeline.frame.packet import Packet


class Gate:
    """Passes the packets of one stream once each, by seq.

    A packet below `next_seq` has passed already and is ignored. Of two waiting packets with the same seq, the later
    one counts: its pictures are the ones that still exist after a crash.
    """

    def __init__(self, next_seq: int) -> None:
        self.next_seq = next_seq
        self._waiting: dict[int, Packet] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def passed(self, seq: int) -> bool:
        """Whether this frame has passed."""
        return seq < self.next_seq

    def put(self, packet: Packet) -> None:
        """Take a packet, in whatever order it arrives."""
        if not self.passed(packet.seq):
            self._waiting[packet.seq] = packet

    def peek(self) -> Packet | None:
        """The next packet in order, or None if it has not come yet. It stays until `advance` or `refuse`."""
        return self._waiting.get(self.next_seq)

    def advance(self) -> None:
        """The packet from `peek` has passed."""
        del self._waiting[self.next_seq]
        self.next_seq += 1

    def refuse(self) -> None:
        """The packet from `peek` is unusable (its picture is lost): wait for it to be sent again."""
        del self._waiting[self.next_seq]

    def skip_to(self, mark: int) -> None:
        """Frames below `mark` are settled: a gate that starts late need not wait for them."""
        if mark > self.next_seq:
            self.next_seq = mark
            for seq in [seq for seq in self._waiting if seq < mark]:
                del self._waiting[seq]

    def forget_waiting(self) -> None:
        """Discard all that waits: it will be sent again."""
        self._waiting.clear()
