"""A classifier of pictures: crops or whole frames in, a label and its score out."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from framewire.models.catalogue.model_entry import Head, ModelInput
from framewire.models.classifiers.answer import Answer, teller
from framewire.models.classifiers.resize import resized
from framewire.models.picture import Picture
from framewire.models.runtime.network import ModelError, Network

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
        self._at_once = 1 if network.input_shape[0] == 1 else CROPS_MAX
        self.device, self.provider, self.fallback = network.device, network.provider, network.fallback
        self._mean = np.array(facts.mean[:colours], np.float32)
        warm = network.warm_up(self._batch([np.zeros((1, 1, 3), np.uint8)]).shape)
        first = next(iter(warm))
        self._outputs = [head.output or first for head in self._heads]
        self._tellers = [teller(head) for head in heads]
        for head, output in zip(self._heads, self._outputs, strict=True):
            _check_labels(network, head, warm[output].size)

    def classify(self, pictures: Sequence[Picture]) -> list[dict[str, Answer]]:
        """The answers for each picture, by attribute, whatever else is in the batch."""
        said: list[dict[str, Answer]] = [{} for _ in pictures]
        for start in range(0, len(pictures), self._at_once):
            part = pictures[start : start + self._at_once]
            outputs = self._network.run(self._batch(part), self._outputs)
            for reading, rows in zip(self._tellers, outputs, strict=True):
                for place, answer in enumerate(reading.tell(rows.reshape(len(part), -1))):
                    said[start + place][reading.attribute] = answer
        return said

    def _input_size(self, colours: int) -> tuple[int, int]:
        """Height and width: the model's own if they are fixed, else those requested."""
        path, shape = self._network.path, self._network.input_shape
        channels, height, width = (shape[3], shape[1], shape[2]) if self._channels_last else shape[1:]
        if channels not in (None, colours):
            raise ModelError(f"{path}: its input has {channels} channels, but {self._facts.order} has {colours}")
        size = (height or self._facts.height, width or self._facts.width)
        if not all(size):
            raise ModelError(f"{path}: its input has no fixed size; set `height` and `width`")
        return size

    def _batch(self, pictures: Sequence[Picture]) -> NDArray[np.float32]:
        """The input: each picture resized, its colours in the model's order, (value - mean) * scale."""
        height, width = self._size
        batch = np.empty((len(pictures), height, width, self._colours), np.float32)
        if not self._channels_last:
            batch = np.empty((len(pictures), self._colours, height, width), np.float32)
        for place, picture in zip(batch, pictures, strict=True):
            seen = place if self._channels_last else place.transpose(1, 2, 0)
            seen[...] = self._resized(picture)
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


def _check_labels(network: Network, head: Head, count: int) -> None:
    wanted = 1 if head.kind == "age" else len(head.labels)
    if count != wanted:
        shown = ", ".join(head.labels[:5]) + (", ..." if len(head.labels) > 5 else "")
        raise ModelError(f"{network.path}: it gives {count} answers, but there are {wanted} labels ({shown})")
