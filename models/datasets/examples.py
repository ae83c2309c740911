"""All examples to learn from, each at the size of the network's input, with the hash of what it was."""

import zipfile
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from framewire.models.datasets.array_pictures import TRAIN, VALIDATION, WHOLE, ArrayPictures, read_arrays
from framewire.models.datasets.class_folders import Example, as_listed, attributes_in, in_class_folders
from framewire.models.datasets.seen_pictures import picture_hash
from framewire.models.picture import Picture

UNKNOWN = -1
"""The index of an answer that a picture has no word for."""


class Source(Struct, frozen=True, kw_only=True):
    """Where the examples are. `listing` is a .csv of several answers, `order` that of an .npz's colours."""

    data: Path
    held_out: Path | None = None
    listing: Path | None = None
    attribute: str = "class"
    """The answer's name, if a listing does not name several."""
    order: str = ""


class Examples(Struct, frozen=True, kw_only=True):
    """Pictures (n, side, side, 3), uint8 BGR; `labels` (n, heads) are indices into the classes of each head."""

    pictures: NDArray[np.uint8]
    labels: NDArray[np.int64]
    hashes: NDArray[np.uint64]
    parts: list[str]
    classes: dict[str, tuple[str, ...]]
    """Of each head, by its attribute."""
    grey: bool
    """Whether no picture has any colour."""
    order: str
    """Assumed of the colours of an .npz; empty elsewhere."""
    broken: list[str]
    """Pictures that could not be decoded."""
    unanswered: int
    """Pictures of a list without any answer: left out."""

    @property
    def known_parts(self) -> set[str]:
        """The parts that the data is in."""
        return set(self.parts)


def read_examples(source: Source, fit: Callable[[Picture], Picture]) -> Examples:
    """Read them all; `fit` makes a picture (h, w, 3) as large as the network's input.

    Raises ValueError, KeyError, OSError, BadZipFile.
    """
    broken: list[str] = []
    reader = _Reader(source, broken.append)
    pictures, words, parts, hashes, grey = [], [], [], [], True
    unanswered = 0
    for example in reader.examples():
        if not any(example.words):
            unanswered += 1
            continue
        pictures.append(fit(example.picture))
        words.append(example.words)
        parts.append(example.part)
        hashes.append(picture_hash(example.picture))
        grey = grey and _is_grey(example.picture)
    if not pictures:
        raise ValueError(f"none of its {len(broken)} pictures can be read" if broken else "it has no pictures")
    attributes = attributes_in(source.listing) if source.listing is not None else (source.attribute,)
    classes = reader.classes or [sorted({row[place] for row in words} - {""}) for place in range(len(attributes))]
    index = [{word: number for number, word in enumerate(names)} for names in classes]
    labels = [[one.get(word, UNKNOWN) for one, word in zip(index, row, strict=True)] for row in words]
    return Examples(
        pictures=np.stack(pictures),
        labels=np.array(labels, np.int64),
        hashes=np.array(hashes, np.uint64),
        parts=parts,
        classes={name: tuple(one) for name, one in zip(attributes, classes, strict=True)},
        grey=grey,
        order=reader.order,
        broken=broken,
        unanswered=unanswered,
    )


class _Reader:
    """Reads the data, then the held-out data if that is apart. After that it knows classes and order of an .npz."""

    def __init__(self, source: Source, broken: Callable[[str], None]) -> None:
        self._source = source
        self._broken = broken
        self.classes: list[list[str]] = []
        self.order = ""

    def examples(self) -> Iterator[Example]:
        whole = self._of(self._source.data)
        if self._source.held_out is None:
            return whole
        known: set[tuple[int, str]] = set()
        return chain(_noted(_trained(whole), known), _checked(self._of(self._source.held_out), known))

    def _of(self, data: Path) -> Iterator[Example]:
        if data.suffix.lower() == ".npz":
            read = read_arrays(data, self._source.order)
            if data == self._source.data:
                self.classes = [read.classes]
            self.order = read.order
            return _of_arrays(read)
        if data.is_file() and not zipfile.is_zipfile(data):
            raise ValueError(f"{data} is not a folder, .zip or .npz")
        if self._source.listing is not None:
            return as_listed(data, self._source.listing, self._broken)
        return in_class_folders(data, self._broken)


def _of_arrays(read: ArrayPictures) -> Iterator[Example]:
    for part in read.parts:
        for number, (picture, label) in enumerate(zip(part.pictures, part.labels, strict=True)):
            yield Example(f"{part.part or 'picture'} {number}", picture, (read.classes[label],), part.part)


def _trained(examples: Iterable[Example]) -> Iterator[Example]:
    """Those to train on, of data that may have parts: its own held-out part is not needed, and not trained on."""
    for example in examples:
        if example.part in (WHOLE, TRAIN):
            yield Example(example.name, example.picture, example.words, TRAIN)


def _noted(examples: Iterable[Example], known: set[tuple[int, str]]) -> Iterator[Example]:
    for example in examples:
        known.update(enumerate(example.words))
        yield example


def _checked(examples: Iterable[Example], known: set[tuple[int, str]]) -> Iterator[Example]:
    """All of the held-out data, which may have no class that is not trained."""
    for example in examples:
        strange = [word for place, word in enumerate(example.words) if word and (place, word) not in known]
        if strange:
            raise ValueError(f"the held-out {example.name} is of class {strange[0]}, which is not trained")
        yield Example(example.name, example.picture, example.words, VALIDATION)


def _is_grey(picture: Picture) -> bool:
    return bool((picture[..., 0] == picture[..., 1]).all() and (picture[..., 0] == picture[..., 2]).all())
