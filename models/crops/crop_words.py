"""The ways to cut that a card or the catalogue may name, as text."""

from framewire.models.crops.alignment import AlignedCrop
from framewire.models.crops.face_crop import BoxCrop, SquareCrop

KnownCrop = BoxCrop | SquareCrop | AlignedCrop


def crop_words(crop: KnownCrop | None) -> str:
    """How it cuts, as text."""
    if isinstance(crop, SquareCrop):
        return f"a square of {crop.side:g} times the box's {crop.by}, its centre {crop.down:g} heights below the top"
    if isinstance(crop, AlignedCrop):
        return f"aligned by five landmarks, {crop.side} pixels"
    if crop is not None and (crop.margin or crop.padding):
        return f"the box, {crop.margin:g} of it and {crop.padding} pixels wider on each side"
    return "the box as detected"
