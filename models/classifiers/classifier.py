"""A classifier of pictures: crops or whole frames in, a label and its score out."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from framewire.models.catalogue.model_entry import Head, ModelInput
from framewire.models.classifiers.answer import DONE, Answer, Teller, teller
from framewire.models.classifiers.resize import resized
from framewire.models.picture import Picture
from framewire.models.runtime.network import ModelError, Network

SHARES = "Softmax"
TRIALS = 4
ROUNDING = 2e-3
"""Probabilities in half precision, or quantised, do not add up to 1 exactly."""
CROPS_MAX = 64
"""Most crops per call: more gain nothing, and a crowd must not exhaust the memory."""


class Classifier:
    """A network with one input of rank 4 (NCHW or NHWC) and one row for each picture in every output."""

    def __init__(self, network: Network, facts: ModelInput, heads: Sequence[Head]) -> None:
        """Warm up the network, check that its outputs fit the heads. Raises ModelError."""
        self._network = network
        network.check(rank=4, outputs=[head.output for head in heads if head.output])
        self._facts = facts
        self._heads = list(heads)
        colours = self._colours = 1 if facts.order == "grey" else 3
        self._channels_last = network.input_shape[3] == colours and network.input_shape[1] != colours
        self._size = self._input_size(colours)
        self._batch_size = network.input_shape[0]
        """Pictures in each batch, if the model has fixed that."""
        self._at_once = self._batch_size or CROPS_MAX
        self.device, self.provider, self.fallback = network.device, network.provider, network.fallback
        self._mean = np.array(facts.mean[:colours], np.float32)
        if len(self._mean) not in (1, colours):
            raise ModelError(f"{network.path}: `mean` has {len(facts.mean)} numbers; it takes one, or one per colour")
        if network.takes_bytes and (self._mean.any() or facts.scale not in (1, 1 / 255)):
            raise ModelError(
                f"{network.path}: it takes pixels as they are (uint8, 0 to 255); remove `mean` and `scale`"
            )
        warm = network.warm_up(self._batch([np.zeros((1, 1, 3), np.uint8)]).shape)
        first = next(iter(warm))
        self._outputs = [head.output or first for head in self._heads]
        self._tellers = [
            self._teller(head, output, warm[output]) for head, output in zip(self._heads, self._outputs, strict=True)
        ]
        if self._batch_size is None and not self._takes_two():
            self._batch_size = self._at_once = 1

    def classify(self, pictures: Sequence[Picture]) -> list[dict[str, Answer]]:
        """The answers for each picture, by attribute, whatever else is in the batch; none that is not finite."""
        said: list[dict[str, Answer]] = [{} for _ in pictures]
        for start in range(0, len(pictures), self._at_once):
            part = pictures[start : start + self._at_once]
            outputs = self._network.run(self._batch(part), self._outputs)
            for reading, numbers in zip(self._tellers, outputs, strict=True):
                rows = numbers.reshape(self._batch_size or len(part), -1)[: len(part)]
                for place, answer in enumerate(reading.tell(rows)):
                    if answer is not None:
                        said[start + place][reading.attribute] = answer
        return said

    def _teller(self, head: Head, output: str, warm: NDArray[np.float32]) -> Teller:
        try:
            if output in self._network.whole_numbers and head.answer != "value":
                others = [name for name in self._network.outputs if name not in self._network.whole_numbers]
                cure = f"set `output` ({', '.join(others)})" if others else "export it with floats at its end"
                raise ModelError(f"its output {output} has whole numbers, which are no scores; {cure}")
            count = warm.size // (self._batch_size or 1)
            operation = self._network.last_operation(output)
            if head.answer == "auto" and operation not in DONE and 1 < count == len(head.labels):
                operation = SHARES if self._gives_shares(output) else operation
            return teller(head, count, operation)
        except ModelError as error:
            raise ModelError(f"{self._network.path}: {error}") from error

    def _gives_shares(self, output: str) -> bool:
        """Whether its numbers are probabilities, whatever makes them: of no picture negative, and 1 in all."""
        noise = np.random.default_rng(0)
        height, width = self._size
        for _ in range(TRIALS):
            picture = noise.integers(0, 256, (height, width, 3), np.uint8)
            (numbers,) = self._network.run(self._batch([picture]), [output])
            row = numbers.reshape(self._batch_size or 1, -1)[0]
            if row.min() < 0 or abs(float(row.sum()) - 1) > ROUNDING:
                return False
        return True

    def _takes_two(self) -> bool:
        """Whether the batch is as open as the model says: some fail on two pictures, or answer for one."""
        try:
            outputs = self._network.run(self._batch([np.zeros((1, 1, 3), np.uint8)] * 2), self._outputs)
        except ModelError:
            return False
        return all(numbers.shape[:1] == (2,) for numbers in outputs)

    def _input_size(self, colours: int) -> tuple[int, int]:
        """Height and width: the model's own if they are fixed, else those requested."""
        path, shape = self._network.path, self._network.input_shape
        channels, height, width = (shape[3], shape[1], shape[2]) if self._channels_last else shape[1:]
        if channels not in (None, colours):
            cure = "; set `order: grey`" if channels == 1 else ""
            raise ModelError(f"{path}: its input has {channels} channels, but {self._facts.order} has {colours}{cure}")
        size = (height or self._facts.height, width or self._facts.width)
        if not all(size):
            raise ModelError(f"{path}: its input has no fixed size; set `height` and `width`")
        return size

    def _batch(self, pictures: Sequence[Picture]) -> NDArray[np.float32]:
        """The input: each picture resized, its colours in the model's order, (value - mean) * scale."""
        height, width = self._size
        count = self._batch_size or len(pictures)
        # What a fixed batch has too many stays black, and its answers are left out.
        batch = np.zeros((count, height, width, self._colours), np.float32)
        if not self._channels_last:
            batch = np.zeros((count, self._colours, height, width), np.float32)
        for place, picture in zip(batch, pictures, strict=False):
            seen = place if self._channels_last else place.transpose(1, 2, 0)
            seen[...] = self._resized(picture)
        if self._network.takes_bytes:
            return batch
        if self._mean.any():
            batch -= self._mean if self._channels_last else self._mean[:, None, None]
        if self._facts.scale != 1:
            batch *= np.float32(self._facts.scale)
        return batch

    def _resized(self, picture: Picture) -> Picture:
        """uint8 (height, width, colours) in the model's order."""
        height, width = self._size
        if self._facts.shrinking == "area":
            small = resized(picture, width, height)
        else:
            small = np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
        if self._facts.order == "grey":
            return np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.uint8)[..., None]
        return small[..., ::-1] if self._facts.order == "RGB" else small
