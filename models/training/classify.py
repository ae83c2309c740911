"""Learning to classify: one answer or several, from pictures with a word for each."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from framewire.models.datasets.examples import UNKNOWN
from framewire.models.training.loop.augment import Augmentation, augment, normal

SMOOTHING = 0.05
"""Labels are never quite sure (Szegedy et al., 2016)."""
EVALUATION_BATCH = 256
SMALL = 32
"""Side in pixels below which blurring and erasing leave too little to see."""


class Pictures:
    """Inputs (n, channels, side, side), uint8, and their labels (n, heads), UNKNOWN where there is none."""

    def __init__(self, inputs: NDArray[np.uint8], labels: NDArray[np.int64], device: str = "cpu") -> None:
        self.inputs = torch.from_numpy(np.ascontiguousarray(inputs)).to(device)
        self.labels = torch.from_numpy(np.ascontiguousarray(labels)).to(device)

    def __len__(self) -> int:
        return len(self.inputs)


def augmentation(side: int, mirror: bool) -> Augmentation:
    """Shifts, slight rotation and zoom, light and contrast; unless they are very small, also blur and erasing."""
    if side < SMALL:
        return Augmentation(blur=0.0, erase=0.0, mirror=mirror)
    return Augmentation(erase=0.1, blur=0.1, mirror=mirror)


class Classification:
    """A Task: the mean of the heads' accuracies on held-out pictures is what counts.

    `heads` are the net's outputs, and what each is called.
    """

    def __init__(self, heads: dict[str, str], train: Pictures, held_out: Pictures, how: Augmentation) -> None:
        self._heads = list(heads)
        self._called = heads
        self._train = train
        self._held_out = held_out
        self._how = how
        self.train_count = len(train)

    def loss(self, net: nn.Module, chosen: Tensor, generator: torch.Generator) -> Tensor:
        """See Task."""
        place = chosen.to(self._train.inputs.device)
        pictures = self._train.inputs[place].float() / 255
        seen = normal(augment(pictures, pictures.shape[-1], self._how, generator))
        answers, labels = net(seen), self._train.labels[place]
        parts = [
            functional.cross_entropy(
                answers[head].float(), labels[:, number], ignore_index=UNKNOWN, label_smoothing=SMOOTHING
            )
            for number, head in enumerate(self._heads)
            # The mean of nothing is not a number.
            if bool((labels[:, number] != UNKNOWN).any())
        ]
        return torch.stack(parts).sum()

    def measure(self, net: nn.Module) -> dict[str, float]:
        """See Task."""
        net.eval()
        right = dict.fromkeys(self._heads, 0)
        with torch.inference_mode():
            for start in range(0, len(self._held_out), EVALUATION_BATCH):
                part = slice(start, start + EVALUATION_BATCH)
                answers = net(normal(self._held_out.inputs[part].float() / 255))
                for number, head in enumerate(self._heads):
                    right[head] += int((answers[head].argmax(1) == self._held_out.labels[part, number]).sum())
        known = (self._held_out.labels != UNKNOWN).sum(0).tolist()
        shares = {
            self._called[head]: right[head] / max(1, count) for head, count in zip(self._heads, known, strict=True)
        }
        return {"best": sum(shares.values()) / len(shares), **shares}
