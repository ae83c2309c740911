"""blur: makes faces, or other objects, unrecognisable for all that comes behind it."""

from typing import Annotated, Literal

import cv2
import msgspec
import numpy as np
from msgspec import Meta, Struct

from framewire.models.box import Box, overlap
from framewire.pipeline.frame.packet import FRAME, Detection, Packet
from framewire.pipeline.frame.ring import Pixels
from framewire.pipeline.option import Labels, labels_of
from framewire.pipeline.stage import Stage, stage

BLOCKS = 3
"""Blocks along the longer side of what is hidden: YuNet finds no face in three, some in four, blurred or not."""
SAME_OVERLAP = 0.3
"""IoU from which a box is the one of the frame before, where nobody tracks."""
GROWTH = 0.02
"""A box that is held grows by this share of its sides a frame: who was there may have moved."""


class BlurOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to hide, and how."""

    of: Annotated[Labels, Meta(description="Label of the detections to hide, or a list of labels")] = "face"
    how: Annotated[
        Literal["blur", "pixels", "fill"],
        Meta(description="Smooth, in large pixels, or in one colour: no face can be recognised, or found again"),
    ] = "blur"
    color: Annotated[str, Meta(pattern="^#[0-9a-fA-F]{6}$", description="fill: #rrggbb")] = "#808080"
    margin: Annotated[
        float, Meta(ge=0, le=5, description="Added on each side of a box, as a share of its width and height")
    ] = 0.3
    hold: Annotated[
        int, Meta(ge=0, le=1000, description="Frames for which a box is still hidden after its object was last seen")
    ] = 15
    unsearched: Annotated[
        Literal["hide", "show"],
        Meta(description="A frame that no detector has searched and no tracker filled: hide all of it, or show it"),
    ] = "hide"


class Held(Struct):
    """A box that is hidden, its track if it has one, and in how many frames it has not been seen."""

    box: Box
    track: int | None
    unseen: int = 0


@stage("blur")
class Blur(Stage[BlurOptions]):
    """Hide faces: behind this stage there is no other picture of a frame than the one in which they are hidden.

    A frame that no detector has searched for the label, or that `detect_every` left out and `track` did not fill, is
    hidden whole. Boxes are held for a while after they were last seen. A graph with this stage has no way around it
    to what comes behind; its failed frames are kept without pixels, and the live page shows only what it has hidden.

    Example:
        hidden: {use: blur, input: tracks}
        plates: {use: blur, input: cars, of: [license plate], how: fill}
    """

    Options = BlurOptions
    ordered = True
    hides = True

    def open(self) -> None:
        """Start with no boxes."""
        self._labels = labels_of(self.options.of)
        self._held: dict[str, list[Held]] = {}
        color = self.options.color
        self._fill = tuple(int(color[place : place + 2], 16) for place in (5, 3, 1))
        self._told = False
        self._own: Pixels = np.empty(0, np.uint8)

    def process(self, packet: Packet) -> Packet:
        """Hide what is to be hidden, and take away all other pictures."""
        boxes = self._boxes(packet)
        if FRAME not in packet.pictures:
            return packet.without_pictures()
        if self._is_unsure(packet):
            boxes = [(0.0, 0.0, float(packet.width), float(packet.height))]
        # In memory of our own first: what others can reach never has the original, not even for a moment.
        picture = self.picture(packet)
        if self._own.shape != picture.shape:
            self._own = np.empty_like(picture)
        self._own[...] = picture
        for box in boxes:
            self._hide(self._own, box)
        return self.with_pixels(packet, self._own).with_only_picture(FRAME)

    def memory(self, stream: str) -> bytes:
        """See Stage."""
        return msgspec.msgpack.encode(self._held.get(stream, []))

    def remember(self, stream: str, memory: bytes) -> None:
        """See Stage."""
        self._held[stream] = msgspec.msgpack.decode(memory, type=list[Held])

    def _is_unsure(self, packet: Packet) -> bool:
        """Whether nobody can say where the objects are."""
        if self.options.unsearched == "show":
            return False
        missing = [label for label in self._labels if label not in packet.searched and not packet.labelled(label)]
        for label in missing:
            if label not in packet.unsearched and not self._told:
                self._told = True
                self.log.warning(
                    "no detector has searched frame %d of %s for %r: such frames are hidden whole; put a detector "
                    "before this stage (one of your own declares it by packet.with_search(%r))",
                    *(packet.seq, packet.stream, label, label),
                )
        return bool(missing)

    def _boxes(self, packet: Packet) -> list[Box]:
        """The boxes to hide, grown: those of this frame, and those seen a moment ago."""
        found = packet.labelled(*self._labels)
        held = [] if packet.cut else self._held.get(packet.stream, [])
        gone = [one for one in held if not any(_is_same(one, other) for other in found)]
        for one in gone:
            one.unseen += 1
        kept = [one for one in gone if one.unseen <= self.options.hold]
        self._held[packet.stream] = [*(Held(one.box, one.track) for one in found), *kept]
        return [self._grown(one) for one in self._held[packet.stream]]

    def _grown(self, one: Held) -> Box:
        x, y, width, height = one.box
        share = self.options.margin + GROWTH * one.unseen
        return (x - share * width, y - share * height, width * (1 + 2 * share), height * (1 + 2 * share))

    def _hide(self, pixels: Pixels, box: Box) -> None:
        height, width = pixels.shape[:2]
        left, top = max(0, int(box[0])), max(0, int(box[1]))
        right, bottom = min(width, int(box[0] + box[2]) + 1), min(height, int(box[1] + box[3]) + 1)
        if right <= left or bottom <= top:
            return
        region = pixels[top:bottom, left:right]
        if self.options.how == "fill":
            region[...] = self._fill if region.ndim == 3 else self._fill[0]
            return
        longer = max(right - left, bottom - top)
        size = (max(1, round((right - left) * BLOCKS / longer)), max(1, round((bottom - top) * BLOCKS / longer)))
        blocks = cv2.resize(region, size, interpolation=cv2.INTER_AREA)
        way = cv2.INTER_NEAREST if self.options.how == "pixels" else cv2.INTER_CUBIC
        region[...] = np.asarray(cv2.resize(blocks, (right - left, bottom - top), interpolation=way), np.uint8)


def _is_same(one: Held, found: Detection) -> bool:
    if one.track is not None and found.track is not None:
        return one.track == found.track
    return overlap(one.box, found.box) > SAME_OVERLAP
