"""Which pictures the other side of a link has already."""

from framewire.pipeline.frame.packet import Packet, PictureRef


class Exports:
    """Remembers, for each stream, what was sent in this epoch.

    Example:
        exports = Exports()
        exports.epoch("door", 3)
        exports.is_new(packet, ref)      # True: send the pixels; and then False
    """

    def __init__(self) -> None:
        self._epochs: dict[str, int] = {}
        self._sent: dict[str, set[tuple[int, int]]] = {}

    def epoch(self, source: str, epoch: int) -> None:
        """A packet of this epoch is sent: what was sent in an earlier one may be lost."""
        if epoch > self._epochs.get(source, 0):
            self._epochs[source] = epoch
            self._sent[source] = set()

    def is_new(self, packet: Packet, ref: PictureRef) -> bool:
        """Whether the pixels must go with this packet."""
        sent = self._sent.setdefault(packet.source, set())
        key = (ref.ring, ref.seq)
        if key in sent:
            return False
        sent.add(key)
        if len(sent) > 4 * packet.window:
            self._sent[packet.source] = {one for one in sent if one[1] >= packet.mark}
        return True
