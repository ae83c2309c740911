"""A detector of objects: pictures in, labelled boxes out, whatever its network's head is."""

from collections.abc import Sequence

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from framewire.models.objects.found import Found, found_in
from framewire.models.objects.heads.fit import Fit, Preparation, Triple, fit_into
from framewire.models.objects.heads.head import Trial
from framewire.models.objects.heads.known import HeadName, UnknownHeadError, head_of
from framewire.models.objects.heads.suppression import Candidates, best_first
from framewire.models.objects.labels import BY_COUNT, labels_in, side_in
from framewire.models.objects.tiles import Tile, Tiling, merged, tiles_of
from framewire.models.picture import Picture
from framewire.models.runtime.network import ModelError
from framewire.models.runtime.onnx_session import OnnxSession

SIDE = 640
"""Height and width of an input that the file leaves open."""
MULTIPLE = 32
"""The coarsest grid: inputs are a multiple of it."""
AT_ONCE = 16
"""Most pictures in a call: more gain nothing, and their memory is large."""


class Reading(Struct, frozen=True, kw_only=True):
    """How to read a model: what is not said here is found out, or is as its head has it.

    `labels` are in the order of its classes; `height` and `width` are for inputs that are open.
    """

    head: HeadName = "auto"
    labels: tuple[str, ...] = ()
    height: int = 0
    width: int = 0
    order: str = ""
    fitting: str = ""
    mean: Triple | None = None
    scale: Triple | None = None


class Wanted(Struct, frozen=True):
    """Objects below `score` (0 to 1) are left out, those that overlap a better one of their class by more than `nms`
    (IoU), and those of other labels than `only`, if there are any."""

    score: float
    nms: float
    only: tuple[str, ...] = ()


class Detector:
    """A network with one picture as its input (NCHW or NHWC), and outputs of a head that is known."""

    def __init__(self, session: OnnxSession, reading: Reading, wanted: Wanted, tiling: Tiling) -> None:
        """Find out what its outputs mean, and warm it up. Raises ModelError."""
        session.check(rank=4)
        self._session = session
        self._wanted = wanted
        self._tiling = tiling
        self.device, self.provider, self.fallback = session.device, session.provider, session.fallback
        self._channels_last = session.input_shape[3] == 3 and session.input_shape[1] != 3
        self.side = self._input_side(reading)
        self._batch_size = session.input_shape[0]
        own = reading.labels or labels_in(session.metadata)
        try:
            self._head = head_of(self._trial(own), reading.head)
        except UnknownHeadError as error:
            raise ModelError(f"{session.path}: {error}; set `labels`, or name its `head`") from error
        self.head = self._head.name
        self.labels = own or BY_COUNT.get(self._head.classes, ())
        if not self.labels:
            count = f"{self._head.classes} classes" if self._head.classes else "classes"
            raise ModelError(
                f"{session.path}: it has {count}, and nobody says what they are; set `labels` (a file with one per "
                "line, or coco)"
            )
        self.guesses_labels = not own
        self._prepared = _prepared(self._head.prepared, reading, session.takes_bytes)
        self._is_wanted = np.array([not wanted.only or label in wanted.only for label in self.labels])
        self._at_once = self._batch_size or AT_ONCE
        if self._batch_size is None and not self._takes_two():
            self._at_once = 1

    def find(self, pictures: Sequence[Picture]) -> list[list[Found]]:
        """The objects in each picture, best first, the same whatever else is in the batch. Sizes may differ."""
        tiles = [tiles_of(picture.shape, self._tiling) for picture in pictures]
        parts = [(number, tile) for number, some in enumerate(tiles) for tile in some]
        seen: list[list[Candidates]] = [[] for _ in pictures]
        for start in range(0, len(parts), self._at_once):
            together = parts[start : start + self._at_once]
            looks = self._look([tile.of(pictures[number]) for number, tile in together])
            for (number, tile), look in zip(together, looks, strict=True):
                seen[number].append(tile.in_picture(look))
        return [found_in(self._whole(*both), self.labels) for both in zip(seen, tiles, strict=True)]

    def _whole(self, looks: Sequence[Candidates], tiles: Sequence[Tile]) -> Candidates:
        return looks[0] if len(looks) == 1 else merged(looks, tiles, self._wanted.nms)

    def _look(self, pictures: Sequence[Picture]) -> list[Candidates]:
        """What is in each picture, in its own pixels."""
        count = self._batch_size or len(pictures)
        batch = np.zeros(self._shape(count), np.float32)
        fits = [self._fit(picture, place) for picture, place in zip(pictures, batch, strict=False)]
        outputs = self._session.run(batch, self._head.outputs)
        return [self._decoded(outputs, place, fit) for place, fit in enumerate(fits)]

    def _fit(self, picture: Picture, place: NDArray[np.float32]) -> Fit:
        return fit_into(picture, place.transpose(2, 0, 1) if self._channels_last else place, self._prepared)

    def _decoded(self, outputs: Sequence[NDArray[np.float32]], place: int, fit: Fit) -> Candidates:
        some = self._head.decode(outputs, place, self._wanted.score)
        # A model may number more classes than it was said to have.
        some = some.at((some.classes >= 0) & (some.classes < len(self.labels)))
        some = best_first(some.at(self._is_wanted[some.classes]), self._wanted.nms if self._head.suppresses else None)
        return msgspec.structs.replace(some, corners=fit.to_picture(some.corners))

    def _input_side(self, reading: Reading) -> tuple[int, int]:
        shape = self._session.input_shape
        channels, *sides = (shape[3], shape[1], shape[2]) if self._channels_last else shape[1:]
        if channels not in (None, 3):
            raise ModelError(f"{self._session.path}: its input has {channels} channels, and pictures have 3")
        usual = side_in(self._session.metadata) or (SIDE, SIDE)
        height, width = (
            fixed or -(-(asked or own) // MULTIPLE) * MULTIPLE
            for fixed, asked, own in zip(sides, (reading.height, reading.width), usual, strict=True)
        )
        return height, width

    def _shape(self, count: int) -> tuple[int, int, int, int]:
        return (count, *self.side, 3) if self._channels_last else (count, 3, *self.side)

    def _trial(self, labels: tuple[str, ...]) -> Trial:
        """The outputs for noise, in bytes or in shares of 1: no head wants its numbers larger."""
        self._session.warm_up(self._shape(self._batch_size or 1))
        noise = np.random.default_rng(0).random(self._shape(self._batch_size or 1), np.float32)
        outputs = self._session.run(noise * 255 if self._session.takes_bytes else noise)
        named = dict(zip(self._session.outputs, outputs, strict=True))
        task = self._session.metadata.get("task", "")
        return Trial(named, self.side, len(labels), self._session.whole_numbers, task)

    def _takes_two(self) -> bool:
        """Whether the batch is as open as the model says: some fail on two pictures, or answer for one."""
        try:
            outputs = self._session.run(np.zeros(self._shape(2), np.float32), self._head.outputs)
        except ModelError:
            return False
        return all(values.ndim == 2 or len(values) == 2 for values in outputs)


def _prepared(of_head: Preparation, reading: Reading, takes_bytes: bool) -> Preparation:
    """As the head has it, but for what is said; a network that takes bytes prepares them itself."""
    changes = {
        name: value
        for name, value in {
            "order": reading.order,
            "fitting": reading.fitting,
            "mean": reading.mean,
            "scale": reading.scale,
        }.items()
        if value
    }
    if takes_bytes:
        changes.update(mean=(0.0, 0.0, 0.0), scale=(1.0, 1.0, 1.0))
    return msgspec.structs.replace(of_head, **changes)
