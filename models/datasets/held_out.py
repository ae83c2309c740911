"""Which pictures are trained on, which choose the epoch, which are held out to be measured on.

Their pixels decide, so it is the same on every machine and whatever the files are called.
"""

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from framewire.models.datasets.array_pictures import TEST, TRAIN, VALIDATION
from framewire.models.datasets.examples import UNKNOWN, Examples

SHARE = 0.2
"""Of each class's different pictures: held out."""
VALIDATION_SHARE = 0.1
"""Of each class's different pictures to train on: they choose the epoch instead."""
FEWEST = 5
"""Different pictures of a class: three to learn from, one to choose by, one to be measured on."""

Mask = NDArray[np.bool_]


class Parting(Struct, frozen=True):
    """Indices of the pictures of each part, and what is worth saying of it. No picture is in two parts.

    Figures are of `held_out` alone. The epoch that is best on some pictures fits these a little: `validation` chooses.
    """

    train: NDArray[np.intp]
    validation: NDArray[np.intp]
    held_out: NDArray[np.intp]
    remarks: list[str]


def part(examples: Examples) -> Parting:
    """By the parts that the data has, or by shares of each class. Raises ValueError if a class has too few pictures."""
    held = [one for one in (VALIDATION, TEST) if one in examples.known_parts]
    validation = np.zeros(len(examples.parts), np.bool_)
    remarks: list[str] = []
    if held and TRAIN in examples.known_parts:
        held_out, train = (_of_part(examples, one) for one in (held[-1], TRAIN))
        if len(held) > 1:
            validation = _of_part(examples, VALIDATION)
    else:
        _need_enough(examples)
        held_out = _by_hash(examples, np.ones_like(validation), SHARE)
        train = ~held_out
    measured = np.isin(examples.hashes, examples.hashes[held_out])
    both = _said_of(measured & train, "training pictures are also held out; they are not trained on", remarks)
    train &= ~measured
    _said_of(measured & validation, "validation pictures are also held out; they choose nothing", remarks)
    validation &= ~measured
    chosen_by = np.isin(examples.hashes, examples.hashes[validation])
    both |= _said_of(chosen_by & train, "training pictures also choose the epoch; they are not trained on", remarks)
    if not validation.any():
        validation = _spared(examples, train, _by_hash(examples, train, VALIDATION_SHARE))
    train &= ~np.isin(examples.hashes, examples.hashes[validation])
    parting = Parting(np.flatnonzero(train), np.flatnonzero(validation), np.flatnonzero(held_out), remarks)
    _check(examples, parting, " that is not also held out or for validation" if both else "")
    return parting


def contradictions(examples: Examples) -> int:
    """How many different pictures there are in two classes at once."""
    order = np.lexsort((examples.labels[:, 0], examples.hashes))
    hashes, labels = examples.hashes[order], examples.labels[order]
    differs = (hashes[1:] == hashes[:-1]) & (labels[1:] != labels[:-1]).any(axis=1)
    return len(np.unique(hashes[1:][differs]))


def _need_enough(examples: Examples) -> None:
    for place, (attribute, classes) in enumerate(examples.classes.items()):
        if len(classes) < 2:
            raise ValueError(f"{attribute} has {len(classes)} class ({', '.join(classes)}): at least two are needed")
        for number, name in enumerate(classes):
            count = len(np.unique(examples.hashes[examples.labels[:, place] == number]))
            if count < FEWEST:
                raise ValueError(f"class {name} has {count} different pictures, and at least {FEWEST} are needed")


def _said_of(which: Mask, what: str, remarks: list[str]) -> bool:
    """Whether there are any, which is then remarked on."""
    if which.any():
        remarks.append(f"{int(which.sum())} {what}")
    return bool(which.any())


def _of_part(examples: Examples, name: str) -> Mask:
    return np.array([one == name for one in examples.parts])


def _by_hash(examples: Examples, among: Mask, share: float) -> Mask:
    """Among some, the pictures of each class with the lowest hashes; one in two classes counts for the first."""
    lowest: dict[int, int] = {}
    for one, label in zip(examples.hashes[among].tolist(), examples.labels[among, 0].tolist(), strict=True):
        lowest[one] = min(lowest.get(one, label), label)
    chosen: set[int] = set()
    for label in sorted(set(lowest.values())):
        own = sorted(one for one, its in lowest.items() if its == label)
        chosen.update(own[: max(1, round(share * len(own)))])
    return np.array([one in chosen for one in examples.hashes.tolist()]) & among


def _spared(examples: Examples, train: Mask, chosen: Mask) -> Mask:
    """Without the only pictures from which a class of any head can be learned."""
    kept = chosen.copy()
    for place, classes in enumerate(examples.classes.values()):
        for number in range(len(classes)):
            own = train & (examples.labels[:, place] == number)
            if not (own & ~kept).any():
                kept &= ~np.isin(examples.hashes, examples.hashes[own])
    return kept


def _check(examples: Examples, parting: Parting, lost: str) -> None:
    for place, (attribute, classes) in enumerate(examples.classes.items()):
        if len(classes) < 2:
            raise ValueError(f"{attribute} has {len(classes)} class ({', '.join(classes)}): at least two are needed")
        for number, name in enumerate(classes):
            if not (examples.labels[parting.train, place] == number).any():
                raise ValueError(f"class {name} of {attribute} has no picture to train on{lost}")
            if not (examples.labels[parting.held_out, place] == number).any():
                raise ValueError(f"class {name} of {attribute} has no held-out picture")
    if (examples.labels[parting.train] == UNKNOWN).all():
        raise ValueError("no picture to train on has a class")
