"""The guest's stage: a sink that is somebody's loop."""

from framewire.pipeline.frame.packet import Packet
from framewire.pipeline.guest.frame import Frame
from framewire.pipeline.guest.handover import Handover
from framewire.pipeline.stage import NoOptions, Sink
from framewire.pipeline.stage_context import StageContext


class GuestSink(Sink[NoOptions]):
    """Offers each frame to a loop, and settles it when that asks for the next.

    A frame whose picture is still in use then is settled one later: a loop's variable holds the last one while it asks
    for the next.
    """

    Options = NoOptions
    name = "guest"

    def __init__(self, options: NoOptions, context: StageContext, handover: Handover[Frame]) -> None:
        super().__init__(options, context)
        self._handover = handover

    def write(self, packet: Packet) -> int:
        """Offer it; see Sink."""
        frame = Frame(packet, self.context.reader)
        with self.context.long_work():
            self._handover.offer(frame)
        return packet.seq + 1 if frame.is_free or self._handover.is_closed else packet.seq

    def end(self, packet: Packet) -> None:
        """The stream has ended: its last picture stays where it is."""

    def resume(self, stream: str, mark: int) -> None:
        """There is nothing to undo: a guest is never replaced."""
