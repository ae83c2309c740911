"""What a user says of a classifier, held against what its file's card, or the catalogue, says of it."""

import math
from collections.abc import Iterator
from itertools import zip_longest
from typing import Literal

import msgspec
from msgspec import Struct

from framewire.models.cannot_load import CannotLoadError
from framewire.models.catalogue.model_entry import AnswerKind, Head, ModelInput
from framewire.models.crops.alignment import AlignedCrop
from framewire.models.crops.crop_words import KnownCrop, crop_words
from framewire.models.crops.face_crop import BoxCrop, FaceCrop

CLOSE = 1e-6
"""Relative difference of two numbers that mean the same, written with fewer digits."""


class ContradictionError(CannotLoadError):
    """What a user says of a model is not what its card, or the catalogue, says."""


class Asked(Struct, frozen=True, kw_only=True):
    """Options of one model; None, 0, `auto` and what is empty leave it to the card, or else to the default."""

    name: str = ""
    labels: tuple[str, ...] = ()
    output: str = ""
    answer: AnswerKind = "auto"
    height: int = 0
    width: int = 0
    order: Literal["auto", "BGR", "RGB", "grey"] = "auto"
    mean: tuple[float, ...] | None = None
    scale: float | None = None
    crop: Literal["auto", "box", "aligned"] = "auto"
    margin: float | None = None
    padding: int | None = None

    @property
    def says_crop(self) -> bool:
        """Whether a way to cut is asked for."""
        return self.crop != "auto" or self.margin is not None or self.padding is not None

    def cut(self, side: int) -> FaceCrop:
        """The way to cut that is asked for; `side` is of aligned crops, 0 for the usual."""
        if self.crop == "aligned":
            return AlignedCrop(side or AlignedCrop().side)
        return BoxCrop(margin=self.margin or 0.0, padding=self.padding or 0)


def renamed(heads: tuple[Head, ...], name: str) -> tuple[Head, ...]:
    """The heads by a user's name: a single one has it, of several each has it before its own: `door_age`."""
    if not name:
        return heads
    if len(heads) == 1:
        return (msgspec.structs.replace(heads[0], attribute=name),)
    return tuple(msgspec.structs.replace(head, attribute=f"{name}_{head.attribute}") for head in heads)


def chosen_heads(
    heads: tuple[Head, ...], asked: Asked, outputs: list[str], model: str, source: str
) -> tuple[Head, ...]:
    """Those of the output that is asked for, with the answer that is asked for where `source` leaves it open.

    `outputs` are the network's, first one first; `source` is what says the heads: `its card`. Raises
    ContradictionError.
    """
    if asked.output:
        first = outputs[0] if outputs else ""
        chosen = tuple(head for head in heads if asked.output == (head.output or first))
        if not chosen:
            known = ", ".join(head.output or first or "its first" for head in heads)
            raise ContradictionError(
                f"{model}: `output` is {asked.output}, and {source} has no head of it, only of {known}; remove `output`"
            )
        heads = chosen
    if len(heads) == 1 and heads[0].kind == "label" and heads[0].answer == "auto" and asked.answer != "value":
        return (msgspec.structs.replace(heads[0], answer=asked.answer),)
    return heads


def refuse_contradictions(
    asked: Asked, facts: ModelInput, heads: tuple[Head, ...], crop: KnownCrop | None, model: str, source: str
) -> None:
    """Raises ContradictionError, with both values, if any option that is set says something else than `source`."""
    clashes = [*_of_input(asked, facts, source), *_of_heads(asked, heads, source), *_of_crop(asked, crop, source)]
    if clashes:
        raise ContradictionError(f"{model}: {'; '.join(clashes)}: leave that to {source}")


def _of_input(asked: Asked, facts: ModelInput, source: str) -> Iterator[str]:
    for name, here, there in (("height", asked.height, facts.height), ("width", asked.width, facts.width)):
        if here and there and here != there:
            yield f"`{name}` is {here}, and {source} says {there}"
    if asked.order not in ("auto", facts.order):
        yield f"`order` is {asked.order}, and {source} says {facts.order}"
    colours = 1 if facts.order == "grey" else 3
    if asked.mean is not None and not _same(_for_each(asked.mean, colours), _for_each(facts.mean, colours)):
        yield f"`mean` is {_numbers(asked.mean)}, and {source} says {_numbers(facts.mean)}"
    if asked.scale is not None and not _same((asked.scale,), (facts.scale,)):
        yield f"`scale` is {asked.scale:.6g}, and {source} says {facts.scale:.6g}"


def _of_heads(asked: Asked, heads: tuple[Head, ...], source: str) -> Iterator[str]:
    names = ", ".join(head.attribute for head in heads)
    if len(heads) > 1:
        yield from (
            f"`{option}` is for one answer, and {source} has {len(heads)} ({names}), of which `output` chooses one"
            for option, is_set in (("labels", asked.labels), ("answer", asked.answer != "auto"))
            if is_set
        )
        return
    (head,) = heads
    if asked.labels and asked.labels != head.labels:
        yield _of_labels(asked.labels, head.labels, source)
    means = "value" if head.kind == "age" or not head.labels else head.answer
    if asked.answer == "auto" or asked.answer == means:
        return
    if means != "auto":
        yield f"`answer` is {asked.answer}, and {source} says {means}"
    elif asked.answer == "value":
        yield f"`answer` is value, and {source} has {len(head.labels)} labels"


def _of_labels(here: tuple[str, ...], there: tuple[str, ...], source: str) -> str:
    if len(here) != len(there):
        return f"`labels` has {len(here)} labels, and {source} has {len(there)}"
    pairs = enumerate(zip_longest(here, there), 1)
    number, (one, other) = next((number, pair) for number, pair in pairs if pair[0] != pair[1])
    return f"label {number} of `labels` is {one!r}, and {source} says {other!r}"


def _of_crop(asked: Asked, crop: KnownCrop | None, source: str) -> Iterator[str]:
    if crop is None:
        return
    own = BoxCrop if asked.crop == "box" else AlignedCrop
    if asked.crop != "auto" and not isinstance(crop, own):
        yield f"`crop` is {asked.crop}, and {source} says {crop_words(crop)}"
    for name, here in (("margin", asked.margin), ("padding", asked.padding)):
        if here is not None and not (isinstance(crop, BoxCrop) and math.isclose(here, getattr(crop, name))):
            yield f"`{name}` is {here:g}, and {source} says {crop_words(crop)}"


def _for_each(mean: tuple[float, ...], colours: int) -> tuple[float, ...]:
    return mean * colours if len(mean) == 1 else mean[:colours]


def _same(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return len(one) == len(other) and all(
        math.isclose(a, b, rel_tol=CLOSE, abs_tol=CLOSE * CLOSE) for a, b in zip(one, other, strict=True)
    )


def _numbers(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:.6g}" for value in values)
