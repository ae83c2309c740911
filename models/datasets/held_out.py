"""Which pictures are held out: by their pixels, so the same on every machine and whatever the files are called."""

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from framewire.models.datasets.array_pictures import TEST, TRAIN, VALIDATION
from framewire.models.datasets.examples import UNKNOWN, Examples

SHARE = 0.2
"""Of each class's different pictures."""
FEWEST = 5
"""Different pictures of a class: four to learn from, and one to be measured on."""


class Parting(Struct, frozen=True):
    """Indices of the pictures to train on and of those held out, and what is worth saying of it."""

    train: NDArray[np.intp]
    held_out: NDArray[np.intp]
    remarks: list[str]


def part(examples: Examples) -> Parting:
    """By the parts that the data has, or a fifth of each class. Raises ValueError if a class has too few pictures."""
    held = [one for one in (VALIDATION, TEST) if one in examples.known_parts]
    of_test = held == [VALIDATION, TEST]
    if held and TRAIN in examples.known_parts:
        held_out = np.array([one == held[0] for one in examples.parts])
        train = np.array([one == TRAIN for one in examples.parts])
        remarks = ["its part `test` is left alone: `validation` is held out"] if of_test else []
    else:
        _need_enough(examples)
        held_out = _by_hash(examples)
        train = ~held_out
        remarks = []
    both = np.isin(examples.hashes, examples.hashes[held_out]) & train
    if both.any():
        remarks.append(f"{int(both.sum())} pictures to train on are held out, too: not trained on")
    parting = Parting(np.flatnonzero(train & ~both), np.flatnonzero(held_out), remarks)
    _check(examples, parting, " that is not held out, too" if both.any() else "")
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


def _by_hash(examples: Examples) -> NDArray[np.bool_]:
    """Of each class the pictures with the lowest hashes; one that is in two classes counts for the first."""
    first = examples.labels[:, 0]
    unique, places = np.unique(examples.hashes, return_index=True)
    lowest = {int(one): int(first[place]) for one, place in zip(unique, places, strict=True)}
    for one, label in zip(examples.hashes.tolist(), first.tolist(), strict=True):
        lowest[one] = min(lowest[one], label)
    chosen: set[int] = set()
    for label in sorted(set(lowest.values())):
        own = sorted(one for one, its in lowest.items() if its == label)
        chosen.update(own[: max(1, round(SHARE * len(own)))])
    return np.array([one in chosen for one in examples.hashes.tolist()])


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
