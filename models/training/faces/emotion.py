"""Emotion: seven classes of FER2013, grey crops of 48 pixels."""

from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from framewire.models.datasets.seen_pictures import SeenPictures
from framewire.models.training.loop.augment import Augmentation, augment, centre, normal
from framewire.models.training.loop.recipe import Recipe
from framewire.models.training.nets.face_net import FaceNet

LABELS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
"""In the order of the file's labels."""
SIZE = 48
SMOOTHING = 0.1
"""People agree on about 65 % of these labels: a net should not be surer than that."""
MIXUP = 0.2
"""Parameter of mixup's Beta distribution (Zhang et al., 2018)."""
RECIPE = Recipe(epochs=90)
EVALUATION_BATCH = 512


def new_net(channels: int = 1, heads: dict[str, int] | None = None) -> FaceNet:
    """About a million weights, 72 million multiplications a face."""
    return FaceNet(channels, 24, 1, (40, 80, 160), (1, 2, 2), heads or {"emotion": len(LABELS)}, dropout=0.3)


class Emotion:
    """A Task: trained on FER2013's Training part, measured on PublicTest with each picture and its mirror image."""

    def __init__(self, data: Path) -> None:
        file = np.load(data)
        self._images = _pictures(file["train_images"])
        self._labels = torch.from_numpy(file["train_labels"].astype(np.int64))
        self._test_images = _pictures(file["validation_images"])
        self._test_labels = torch.from_numpy(file["validation_labels"].astype(np.int64))
        self.train_count = len(self._images)
        self.test_count = len(self._test_images)
        self.seen = SeenPictures.of(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR) for image in file["train_images"])

    def shown(self, count: int) -> "np.ndarray[tuple[int, ...], np.dtype[np.float32]]":
        """Some training crops as the exported file gets them: (count, 1, 48, 48), 0 to 255."""
        step = max(1, self.train_count // count)
        return self._images[::step][:count].float().numpy()

    def loss(self, net: nn.Module, chosen: Tensor, generator: torch.Generator) -> Tensor:
        """See Task."""
        pictures = augment(self._images[chosen].float() / 255, SIZE, Augmentation(), generator)
        labels = self._labels[chosen]
        share = float(np.random.default_rng(int(chosen[0])).beta(MIXUP, MIXUP))
        other = torch.randperm(len(chosen), generator=generator)
        mixed = share * pictures + (1 - share) * pictures[other]
        logits = net(normal(mixed))["emotion"].float()
        one = functional.cross_entropy(logits, labels, label_smoothing=SMOOTHING)
        two = functional.cross_entropy(logits, labels[other], label_smoothing=SMOOTHING)
        return share * one + (1 - share) * two

    def measure(self, net: nn.Module) -> dict[str, float]:
        """See Task."""
        net.eval()
        right, right_mirrored = 0, 0
        with torch.inference_mode():
            for start in range(0, len(self._test_images), EVALUATION_BATCH):
                part = slice(start, start + EVALUATION_BATCH)
                pictures = normal(centre(self._test_images[part].float() / 255, SIZE))
                logits = net(pictures)["emotion"].softmax(1)
                both = logits + net(pictures.flip(-1))["emotion"].softmax(1)
                right += int((logits.argmax(1) == self._test_labels[part]).sum())
                right_mirrored += int((both.argmax(1) == self._test_labels[part]).sum())
        count = len(self._test_labels)
        return {"best": right_mirrored / count, "accuracy": right / count, "with mirror": right_mirrored / count}


def _pictures(images: "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]") -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(images)).unsqueeze(1)
