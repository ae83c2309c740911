"""What a trained file says of itself: all that using it needs, in the metadata of its .onnx."""

import base64
from collections.abc import Mapping

import msgspec
import numpy as np
from msgspec import Struct

from framewire.models.cannot_load import CannotLoadError
from framewire.models.catalogue.model_entry import Head, ModelInput
from framewire.models.crops.alignment import AlignedCrop
from framewire.models.crops.face_crop import BoxCrop, SquareCrop
from framewire.models.datasets.seen_pictures import SeenPictures

KEY = "framewire"
"""Of the metadata entry that holds the card as JSON."""
VERSION = 1


class WrongCardError(CannotLoadError):
    """The metadata of a file has a card that cannot be read."""


class HeadFigures(Struct, frozen=True, kw_only=True):
    """How well a head did on held-out pictures: `accuracy` as a share, or `error` as a mean absolute error.

    `confusion[i][j]` counts pictures of label i that were classified as label j.
    """

    attribute: str
    count: int
    accuracy: float | None = None
    error: float | None = None
    confusion: tuple[tuple[int, ...], ...] = ()

    @property
    def measured(self) -> str:
        """The figure in words."""
        return f"off by {self.error:.2f} years" if self.error is not None else f"{self.accuracy or 0.0:.2%}"


class ModelCard(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The card of one .onnx; `version` rises when an older reader would misread it."""

    version: int = VERSION
    name: str
    task: str
    """Of `framewire train --task`: classify, age-gender or emotion."""
    net: str
    input: ModelInput
    heads: tuple[Head, ...]
    crop: BoxCrop | SquareCrop | AlignedCrop | None = None
    """How a face is cut out for it; None: the detection's box, or whatever the user sets."""
    data: str = ""
    """The data set's file or folder name, without its path."""
    pictures: int = 0
    """Pictures it was trained on; `seen` has the hash of each, and of those that chose the epoch."""
    seen: str = ""
    """Of SeenPictures: base64 of its sorted little-endian uint64."""
    figures: tuple[HeadFigures, ...] = ()
    bits: int = 32
    """Of its weights: 8 if quantised."""
    trained_with: str = ""
    """Version of Framewire, epochs, seed, size, augmentation: one line of text."""

    @property
    def seen_pictures(self) -> SeenPictures:
        """What it was trained on. Raises WrongCardError."""
        try:
            return SeenPictures(np.frombuffer(base64.b64decode(self.seen, validate=True), "<u8"))
        except ValueError as error:
            raise WrongCardError(f"{self.name}: its list of training pictures cannot be read: {error}") from error


def card_in(metadata: Mapping[str, str], path: str) -> ModelCard | None:
    """The card in an .onnx file's metadata, None if it has none. Raises WrongCardError."""
    text = metadata.get(KEY)
    if text is None:
        return None
    try:
        card = msgspec.json.decode(text, type=ModelCard)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise WrongCardError(f"{path}: its metadata entry `{KEY}` cannot be read: {error}") from error
    if card.version > VERSION:
        raise WrongCardError(
            f"{path}: its card is of version {card.version}, this Framewire reads {VERSION}; update it"
        )
    return card


def written(card: ModelCard) -> str:
    """The text of the metadata entry."""
    return msgspec.json.encode(card).decode()
