"""Learning to classify: one answer or several, from pictures with a word for each."""

import numpy as np
import torch
from msgspec import Struct
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from framewire.models.datasets.examples import UNKNOWN
from framewire.models.training.loop.augment import Augmentation, augment, normal
from framewire.models.training.loop.trainer import Measured

EVALUATION_BATCH = 256
SURELY_NOT = 1e-6
"""The least probability that counts: one picture that is surely wrong shall not outweigh all others."""
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


class Style(Struct, frozen=True, kw_only=True):
    """How strictly labels are taken, and how pictures are changed and seen."""

    how: Augmentation
    smoothing: float = 0.05
    """Labels are never quite sure (Szegedy et al., 2016)."""
    mixup: float = 0.0
    """Parameter of mixup's Beta distribution (Zhang et al., 2018); 0: pictures are not mixed."""
    two_views: bool = False
    """Whether a picture and its mirror image are measured, and exported, as one."""


class Classification:
    """A Task: the mean of the heads' accuracies on `validation` is what counts, and of equal ones the surer answers.

    `heads` are the net's outputs, and what each is called.
    """

    def __init__(self, heads: dict[str, str], train: Pictures, validation: Pictures, style: Style) -> None:
        self._heads = list(heads)
        self._called = heads
        self._train = train
        self._validation = validation
        self._style = style
        self.train_count = len(train)

    def loss(self, net: nn.Module, chosen: Tensor, generator: torch.Generator) -> Tensor:
        """See Task."""
        place = chosen.to(self._train.inputs.device)
        pictures = self._train.inputs[place].float() / 255
        seen, labels = augment(pictures, pictures.shape[-1], self._style.how, generator), self._train.labels[place]
        if not self._style.mixup:
            return self._apart(net(normal(seen)), labels)
        share = float(np.random.default_rng(int(chosen[0])).beta(self._style.mixup, self._style.mixup))
        other = torch.randperm(len(chosen), generator=generator).to(seen.device)
        answers = net(normal(share * seen + (1 - share) * seen[other]))
        return share * self._apart(answers, labels) + (1 - share) * self._apart(answers, labels[other])

    def measure(self, net: nn.Module) -> Measured:
        """See Task."""
        net.eval()
        right, surprise, known = ([0.0] * len(self._heads) for _ in range(3))
        with torch.inference_mode():
            for start in range(0, len(self._validation), EVALUATION_BATCH):
                part = slice(start, start + EVALUATION_BATCH)
                seen = normal(self._validation.inputs[part].float() / 255)
                answers = self._answers(net, seen)
                for number, head in enumerate(self._heads):
                    wanted = self._validation.labels[part, number]
                    told, wanted = answers[head][wanted != UNKNOWN], wanted[wanted != UNKNOWN]
                    right[number] += float((told.argmax(1) == wanted).sum())
                    surprise[number] -= float(told.gather(1, wanted[:, None]).clamp_min(SURELY_NOT).log().sum())
                    known[number] += len(wanted)
        told_of = [number for number, count in enumerate(known) if count]
        shares = {self._called[self._heads[number]]: right[number] / known[number] for number in told_of}
        count = max(1, len(shares))
        doubt = sum(surprise[number] / known[number] for number in told_of) / count
        return Measured(best=sum(shares.values()) / count, doubt=doubt, shown=shares)

    def _answers(self, net: nn.Module, seen: Tensor) -> dict[str, Tensor]:
        """Probabilities (n, labels) of each head."""
        answers = {head: scores.float().softmax(1) for head, scores in net(seen).items()}
        if not self._style.two_views:
            return answers
        return {head: (answers[head] + scores.float().softmax(1)) / 2 for head, scores in net(seen.flip(-1)).items()}

    def _apart(self, answers: dict[str, Tensor], labels: Tensor) -> Tensor:
        """How far the answers are from the labels, in all heads; one without any label counts nothing."""
        parts = [
            functional.cross_entropy(
                answers[head].float(), labels[:, number], ignore_index=UNKNOWN, label_smoothing=self._style.smoothing
            )
            for number, head in enumerate(self._heads)
            # The mean of nothing is not a number.
            if bool((labels[:, number] != UNKNOWN).any())
        ]
        return torch.stack(parts).sum()
