"""Age and gender from one net: UTKFace crops, in colour, 64 pixels."""

from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from framewire.models.datasets.seen_pictures import SeenPictures, picture_hash
from framewire.models.datasets.trained_on import TrainedOn
from framewire.models.datasets.utkface import Person, people_in
from framewire.models.training.faces.emotion import new_net as new_emotion_net
from framewire.models.training.loop.augment import Augmentation, augment, centre, normal
from framewire.models.training.loop.recipe import Recipe
from framewire.models.training.nets.face_net import FaceNet

SIZE = 64
STORED = 80
"""Side at which crops are stored for training: a little larger than the input, to allow zooming in."""
AGES = 101
"""Years 0 to 100; older people count as 100."""
HEADS = {"age": AGES, "gender": 2}
AGE_SPREAD = 2.0
"""Standard deviation in years of the distribution that encodes an age (Gao et al., 2017): neighbours are alike."""
EXPECTATION_WEIGHT = 0.2
"""Of the expected age's error, in tens of years, relative to the distribution's."""
RECIPE = Recipe(epochs=100, batch=96, rate=0.06)
SECOND_SIZE = 48
SECOND_RECIPE = Recipe(epochs=45, batch=96, rate=0.03, seed=11)
"""It already knows faces, so it needs fewer epochs, and smaller steps so as not to forget."""
EVALUATION_BATCH = 256


def new_net() -> FaceNet:
    """About 0.7 million weights, 67 million multiplications a face."""
    return FaceNet(3, 32, 2, (64, 128), (2, 2), HEADS, dropout=0.2)


def new_second_net(emotion_net: FaceNet) -> FaceNet:
    """The emotion net with heads for age and gender: it starts from what that net learned about faces on FER2013.

    Its first layer gets three colours instead of grey, each with a third of its weights.
    """
    net = new_emotion_net(channels=3, heads=HEADS)
    known = {name: value for name, value in emotion_net.state_dict().items() if not name.startswith("heads.")}
    known["stem.0.weight"] = known["stem.0.weight"].repeat(1, 3, 1, 1) / 3
    net.load_state_dict(known, strict=False)
    return net


class AgeGender:
    """A Task, measured on the held-out files. `side` is the net's input size in pixels."""

    def __init__(self, data: Path, side: int = SIZE) -> None:
        self._side = side
        pictures, people, hashes = _load(data)
        held_out = torch.tensor([person.held_out for person in people])
        ages = torch.tensor([min(AGES - 1, person.age) for person in people])
        genders = torch.tensor([person.gender for person in people])
        self._images, self._ages, self._genders = pictures[~held_out], ages[~held_out], genders[~held_out]
        self._test_images, self._test_ages, self._test_genders = pictures[held_out], ages[held_out], genders[held_out]
        self.train_count = len(self._images)
        self.test_count = len(self._test_images)
        self.seen = SeenPictures(np.unique(hashes[~held_out.numpy()]))
        self.trained_on = TrainedOn.of(person.name for person in people if not person.held_out)
        self._years = torch.arange(AGES, dtype=torch.float32)

    def shown(self, count: int) -> "np.ndarray[tuple[int, ...], np.dtype[np.float32]]":
        """Some training crops as the exported file gets them: (count, 3, 64, 64), 0 to 255."""
        step = max(1, self.train_count // count)
        return centre(self._images[::step][:count].float(), SIZE).numpy()

    def loss(self, net: nn.Module, chosen: Tensor, generator: torch.Generator) -> Tensor:
        """See Task."""
        pictures = augment(self._images[chosen].float() / 255, self._side, Augmentation(), generator)
        answers = net(normal(pictures))
        ages = self._ages[chosen].float()
        wanted = torch.softmax(-((self._years[None] - ages[:, None]) ** 2) / (2 * AGE_SPREAD**2), 1)
        logits = answers["age"].float()
        of_age = -(wanted * logits.log_softmax(1)).sum(1).mean()
        of_years = (self._expected(logits) - ages).abs().mean() / 10
        of_gender = functional.cross_entropy(answers["gender"].float(), self._genders[chosen], label_smoothing=0.05)
        return of_age + EXPECTATION_WEIGHT * of_years + of_gender

    def measure(self, net: nn.Module) -> dict[str, float]:
        """See Task."""
        net.eval()
        errors, right = [], []
        with torch.inference_mode():
            for start in range(0, len(self._test_images), EVALUATION_BATCH):
                part = slice(start, start + EVALUATION_BATCH)
                answers = net(normal(centre(self._test_images[part].float() / 255, self._side)))
                errors.append((self._expected(answers["age"]) - self._test_ages[part]).abs())
                right.append(answers["gender"].argmax(1) == self._test_genders[part])
        error, gender = float(torch.cat(errors).mean()), torch.cat(right).float()
        grown = self._test_ages >= 13
        return {
            "best": float(gender.mean()) - error / 100,
            "age error": error,
            "gender": float(gender.mean()),
            "gender from 13": float(gender[grown].mean()),
        }

    def _expected(self, logits: Tensor) -> Tensor:
        return (logits.softmax(1) * self._years).sum(1)


def _load(data: Path) -> tuple[Tensor, list[Person], NDArray[np.uint64]]:
    pictures, people, hashes = [], [], []
    for picture, person in people_in(data):
        pictures.append(cv2.resize(picture, (STORED, STORED), interpolation=cv2.INTER_AREA))
        people.append(person)
        hashes.append(picture_hash(picture))
    if not pictures:
        raise ValueError("it has no pictures named age_gender_race_id.jpg")
    return torch.from_numpy(np.stack(pictures).transpose(0, 3, 1, 2).copy()), people, np.array(hashes, np.uint64)
