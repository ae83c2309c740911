"""A stage's recent answers: a frame sent again after a crash elsewhere gets the same answer again."""

import msgspec

from framewire.pipeline.frame.packet import Packet
from framewire.pipeline.stage_context import StageContext


class Memo:
    """The last `window` answers of one stage for one stream, by slot.

    A stage that draws must not draw a frame again while the first drawing is being read, and an ordered stage cannot
    recompute an old frame at all. So both repeat their answer. One that hides parts of pictures repeats its own alone.
    """

    def __init__(self, hides: bool = False) -> None:
        self._hides = hides
        self._answers: dict[int, Packet] = {}

    def keep(self, answer: Packet) -> None:
        """Remember an answer, replacing the one a window ago."""
        self._answers[answer.seq % answer.window] = answer

    def recall(self, packet: Packet, context: StageContext) -> Packet | None:
        """The earlier answer to this frame, with the pictures available now; None if there is none."""
        answer = self._answers.get(packet.seq % packet.window)
        if answer is None or answer.seq != packet.seq:
            return None
        if answer.alive and not packet.alive:
            # Its source has died since, and the pictures with it: the answer is void.
            answer = msgspec.structs.replace(
                answer, outcome=packet.outcome, reason=packet.reason, stage=packet.stage, pictures={}
            )
        own = {name: ref for name, ref in answer.pictures.items() if context.made(ref)}
        others = {} if self._hides else packet.pictures
        return msgspec.structs.replace(answer, mark=packet.mark, pictures={**others, **own})
