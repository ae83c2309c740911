"""Cutting out the middle of a picture, for networks trained on that."""

from msgspec import Struct

from framewire.models.box import Box
from framewire.models.crops.face_crop import BoxCrop, Points
from framewire.models.picture import Picture


class CentreCrop(Struct, frozen=True, tag="centre"):
    """The largest square in the middle of the box: what torchvision's Resize to a side and CenterCrop of it leave."""

    def cut(self, picture: Picture, box: Box, landmarks: Points = ()) -> Picture | None:
        """See FaceCrop; a view, not a copy."""
        inside = BoxCrop().cut(picture, box)
        side = min(inside.shape[:2])
        top, left = (inside.shape[0] - side) // 2, (inside.shape[1] - side) // 2
        return inside[top : top + side, left : left + side]
