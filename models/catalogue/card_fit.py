"""Whether a card makes sense, and fits the network that it came with: nothing is trusted for what it says of itself."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from framewire.models.catalogue.age_ranges import AgeRanges
from framewire.models.catalogue.model_card import ModelCard, WrongCardError
from framewire.models.catalogue.model_entry import Head
from framewire.models.crops.alignment import AlignedCrop
from framewire.models.crops.face_crop import BoxCrop, SquareCrop

SIDE_MAX = 8192
"""Of an input, in pixels."""
CROP_MAX = 10.0
"""Of a crop, in sizes of the face's box, either way."""
COLOURS = (1, 3)


ONE_OF_TWO = 2
"""Most labels that one number chooses between."""


class Shaped(Protocol):
    """A loaded network, as far as a card says anything of it; None where a dimension is free."""

    path: Path
    input_shape: tuple[int | None, ...]
    outputs: dict[str, tuple[int | None, ...]]
    takes_bytes: bool


def check_card(card: ModelCard, path: Path) -> None:
    """Raises WrongCardError for a card that no network could fit."""
    for fault in (*_of_heads(card.heads), *_of_input(card), *_of_crop(card)):
        raise WrongCardError(f"{path}: its card is wrong: {fault}; export it again")


def check_fit(card: ModelCard, network: Shaped) -> None:
    """Raises WrongCardError if inputs or outputs are not what the card says; where the
    outputs' sizes are free, Classifier counts the labels.
    """
    for fault in (*_of_outputs(card, network), *_of_shape(card, network)):
        raise WrongCardError(f"{network.path}: its card does not fit its network: {fault}; export it again")


def _of_heads(heads: tuple[Head, ...]) -> Iterator[str]:
    if not heads:
        yield "it has no heads"
    names = [head.attribute for head in heads]
    if len(set(names)) < len(names):
        yield f"two heads have one name ({', '.join(names)})"
    for head in heads:
        if not head.attribute.strip():
            yield "a head has no name"
        if head.kind == "age" and not _are_ranges(head.labels):
            yield f"head {head.attribute} tells ages, and its labels are no ranges such as (25-32)"
        if head.kind == "label" and head.answer != "value" and not head.labels:
            yield f"head {head.attribute} has no labels"
        if not all(label.strip() for label in head.labels):
            yield f"head {head.attribute} has an empty label"


def _are_ranges(labels: tuple[str, ...]) -> bool:
    try:
        return bool(AgeRanges(labels).of(0.0))
    except ValueError:
        return False


def _of_input(card: ModelCard) -> Iterator[str]:
    facts = card.input
    if not (0 <= facts.height <= SIDE_MAX and 0 <= facts.width <= SIDE_MAX):
        yield f"its input is {facts.height} x {facts.width}"
    if not facts.scale or not math.isfinite(facts.scale):
        yield f"its scale is {facts.scale}"
    if len(facts.mean) not in COLOURS or not all(map(math.isfinite, facts.mean)):
        yield f"its mean has {len(facts.mean)} numbers, not one for each colour"
    elif facts.order == "grey" and len(set(facts.mean)) > 1:
        yield "its input is grey, and its mean has a number for each of three colours"


def _of_crop(card: ModelCard) -> Iterator[str]:
    crop = card.crop
    if isinstance(crop, SquareCrop) and not (0 < crop.side <= CROP_MAX and abs(crop.down) <= CROP_MAX):
        yield f"its crop is a square of {crop.side:g} boxes, {crop.down:g} down"
    if isinstance(crop, BoxCrop) and not (0 <= crop.margin <= CROP_MAX and 0 <= crop.padding <= SIDE_MAX):
        yield f"its crop is {crop.margin:g} of the box and {crop.padding} pixels wider"
    if isinstance(crop, AlignedCrop) and not 0 < crop.side <= SIDE_MAX:
        yield f"its crop is {crop.side} pixels wide"


def _of_outputs(card: ModelCard, network: Shaped) -> Iterator[str]:
    for head in card.heads:
        if head.output and head.output not in network.outputs:
            has = ", ".join(network.outputs)
            yield f"head {head.attribute} is of output {head.output}, and the network has only {has}"
            continue
        free = network.outputs[head.output] if head.output else next(iter(network.outputs.values()))
        sides = [side for side in free[1:] if side is not None]
        count = math.prod(sides)
        if len(sides) < len(free) - 1 or not sides:
            continue
        wanted = 1 if head.kind == "age" or head.answer == "value" else len(head.labels)
        if count != wanted and not (count == 1 and wanted <= ONE_OF_TWO):
            what = "one number" if head.kind == "age" or not head.labels else f"{wanted} labels"
            yield f"head {head.attribute} has {what}, and its output {count} numbers"


def _of_shape(card: ModelCard, network: Shaped) -> Iterator[str]:
    facts, shape = card.input, network.input_shape
    if len(shape) != len("NCHW"):
        yield f"its input has {len(shape)} dimensions, not 4"
        return
    _, channels, height, width = shape
    if channels not in COLOURS and shape[3] in COLOURS:
        _, height, width, channels = shape
    colours = 1 if facts.order == "grey" else 3
    if channels not in (None, colours):
        yield f"its card says {facts.order}, and the input has {channels} channel{'s' if channels != 1 else ''}"
    for name, said, there in (("high", facts.height, height), ("wide", facts.width, width)):
        if said and there and said != there:
            yield f"its card says {said} pixels {name}, and the input is {there}"
    if network.takes_bytes and (any(facts.mean) or facts.scale != 1):
        yield "the input takes pixels as they are (uint8, 0 to 255), and its card has a mean or a scale"
