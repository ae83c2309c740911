"""The in-order gate: in front of every sink, and of every stage that must see a stream's frames in order."""

from framewire.pipeline.frame.packet import Packet


class Gate:
    """Lets the packets of one stream through once each, by seq.

    A packet below `next_seq` has been through already and is let go. Of two packets with the same seq that wait, the
    later one counts: its pictures are the ones that are still there after a crash.
    """

    def __init__(self, next_seq: int) -> None:
        self.next_seq = next_seq
        self._waiting: dict[int, Packet] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def passed(self, seq: int) -> bool:
        """Whether this frame has been through."""
        return seq < self.next_seq

    def put(self, packet: Packet) -> None:
        """Take a packet in, in whatever order it comes."""
        if not self.passed(packet.seq):
            self._waiting[packet.seq] = packet

    def peek(self) -> Packet | None:
        """The next packet in order, or None where it has not come yet. It stays until `advance` or `refuse`."""
        return self._waiting.get(self.next_seq)

    def advance(self) -> None:
        """The packet that `peek` gave is through."""
        del self._waiting[self.next_seq]
        self.next_seq += 1

    def refuse(self) -> None:
        """The packet that `peek` gave is of no use (its picture is lost): wait for it to be sent again."""
        del self._waiting[self.next_seq]

    def skip_to(self, mark: int) -> None:
        """Frames below `mark` are settled: a gate that starts late need not wait for them."""
        if mark > self.next_seq:
            self.next_seq = mark
            for seq in [seq for seq in self._waiting if seq < mark]:
                del self._waiting[seq]

    def forget_waiting(self) -> None:
        """Let go of all that waits: it will be sent again."""
        self._waiting.clear()
