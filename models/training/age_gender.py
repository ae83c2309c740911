"""Age and gender from one net: UTKFace crops, in colour, 64 pixels."""

import hashlib
from collections.abc import Sequence
from copy import copy
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from msgspec import Struct
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from framewire.models.classifiers.resize import resized
from framewire.models.datasets.seen_pictures import SeenPictures, picture_hash
from framewire.models.datasets.utkface import Person, chooses_epoch, people_in
from framewire.models.picture import Picture
from framewire.models.training.files.own_file import Sample, WholeModel
from framewire.models.training.loop.augment import Augmentation, augment, centre, normal
from framewire.models.training.loop.recipe import Recipe
from framewire.models.training.loop.trainer import Measured
from framewire.models.training.nets.face_net import FaceNet, own_face_net

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


def new_second_net(emotion: dict[str, Tensor]) -> FaceNet:
    """The emotion net with heads for age and gender: it starts from what that net learned about faces on FER2013.

    Its first layer gets three colours instead of grey, each with a third of its weights.
    """
    net = own_face_net(3, HEADS)
    known = {name: value for name, value in emotion.items() if not name.startswith("heads.")}
    known["stem.0.weight"] = known["stem.0.weight"].repeat(1, 3, 1, 1) / 3
    net.load_state_dict(known, strict=False)
    return net


class AgeGenderModel(WholeModel):
    """Crops (n, 3, 64, 64) of 0..255, BGR, to years (n, 1) and probabilities of male, female (n, 2).

    The mean of several nets, each with its own input size.
    """

    outputs = ("years", "gender")

    def __init__(self, nets: Sequence[tuple[nn.Module, int]]) -> None:
        super().__init__()
        self.nets = nn.ModuleList([net for net, _ in nets])
        self.sides = [side for _, side in nets]

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(n, 3, h, w) -> (n, 1), (n, 2)."""
        crops = x / 127.5 - 1
        ages, genders = [], []
        for net, side in zip(self.nets, self.sides, strict=True):
            seen = crops
            if side != x.shape[-1]:
                seen = functional.interpolate(crops, size=(side, side), mode="bilinear", align_corners=False)
            answers = net(seen)
            ages.append(answers["age"].softmax(1))
            genders.append(answers["gender"].softmax(1))
        years = torch.arange(ages[0].shape[1], dtype=torch.float32)
        of_age = torch.stack(ages).mean(0)
        return (of_age * years).sum(1, keepdim=True), torch.stack(genders).mean(0)


class AgeGender:
    """A Task. By the hash of their names, a tenth of the files chooses the epoch, another is held out.

    Raises ValueError, OSError.
    """

    def __init__(self, data: Path, device: str = "cpu") -> None:
        faces = _load(data)
        held_out = np.array([person.held_out for person in faces.people])
        choosing = np.array([chooses_epoch(person.name) for person in faces.people])
        ages = np.array([min(AGES - 1, person.age) for person in faces.people])
        genders = np.array([person.gender for person in faces.people])
        # Nobody is measured on who was trained on under another name.
        choosing &= ~np.isin(faces.hashes, faces.hashes[held_out])
        train = ~np.isin(faces.hashes, faces.hashes[held_out | choosing])
        if not (train.any() and choosing.any() and held_out.any()):
            raise ValueError(
                f"it has too few faces: of {len(held_out)}, {train.sum()} are to train on, {choosing.sum()} choose the "
                f"epoch and {held_out.sum()} are held out"
            )
        self._side = SIZE
        self._images, self._choosing_images = (_on(faces.stored[one], device) for one in (train, choosing))
        self._ages, self._choosing_ages = (_on(ages[one], device) for one in (train, choosing))
        self._genders, self._choosing_genders = (_on(genders[one], device) for one in (train, choosing))
        self._years = torch.arange(AGES, dtype=torch.float32, device=device)
        self.train_count = len(self._images)
        self.choosing_count = len(self._choosing_images)
        self.seen = SeenPictures(np.unique(faces.hashes[train | choosing]))
        told = (faces.hashes, ages, genders, train, choosing)
        self.digest = hashlib.sha256(b"".join(one.tobytes() for one in told)).hexdigest()[:12]
        labels = np.stack([ages, genders], 1).astype(np.int64)
        self.held_out = Sample(faces.inputs[held_out], labels[held_out])
        self.shown = Sample(faces.inputs[train], labels[train])

    def seen_at(self, side: int) -> "AgeGender":
        """The same, as input of another size."""
        other = copy(self)
        other._side = side
        return other

    def loss(self, net: nn.Module, chosen: Tensor, generator: torch.Generator) -> Tensor:
        """See Task."""
        place = chosen.to(self._images.device)
        pictures = augment(self._images[place].float() / 255, self._side, Augmentation(), generator)
        answers = net(normal(pictures))
        ages = self._ages[place].float()
        wanted = torch.softmax(-((self._years[None] - ages[:, None]) ** 2) / (2 * AGE_SPREAD**2), 1)
        logits = answers["age"].float()
        of_age = -(wanted * logits.log_softmax(1)).sum(1).mean()
        of_years = (self._expected(logits) - ages).abs().mean() / 10
        of_gender = functional.cross_entropy(answers["gender"].float(), self._genders[place], label_smoothing=0.05)
        return of_age + EXPECTATION_WEIGHT * of_years + of_gender

    def measure(self, net: nn.Module) -> Measured:
        """See Task."""
        net.eval()
        errors, right = [], []
        with torch.inference_mode():
            for start in range(0, len(self._choosing_images), EVALUATION_BATCH):
                part = slice(start, start + EVALUATION_BATCH)
                answers = net(normal(centre(self._choosing_images[part].float() / 255, self._side)))
                errors.append((self._expected(answers["age"]) - self._choosing_ages[part]).abs())
                right.append(answers["gender"].argmax(1) == self._choosing_genders[part])
        error, gender = float(torch.cat(errors).mean()), torch.cat(right).float()
        grown = self._choosing_ages >= 13
        shown = {"age error": error, "gender": float(gender.mean())}
        if bool(grown.any()):
            shown["gender from 13"] = float(gender[grown].mean())
        return Measured(best=shown["gender"] - error / 100, shown=shown)

    def _expected(self, logits: Tensor) -> Tensor:
        return (logits.softmax(1) * self._years).sum(1)


class _Faces(Struct, frozen=True):
    """Crops as they are stored, as the exported file gets them, who is in them, and their hashes."""

    stored: NDArray[np.uint8]
    inputs: NDArray[np.uint8]
    people: list[Person]
    hashes: NDArray[np.uint64]


def _load(data: Path) -> _Faces:
    stored, inputs, people, hashes = [], [], [], []
    for picture, person in people_in(data):
        stored.append(np.asarray(cv2.resize(picture, (STORED, STORED), interpolation=cv2.INTER_AREA), np.uint8))
        inputs.append(resized(picture, SIZE, SIZE))
        people.append(person)
        hashes.append(picture_hash(picture))
    if not people:
        raise ValueError("it has no pictures named age_gender_race_id.jpg")
    return _Faces(_planes(stored), _planes(inputs), people, np.array(hashes, np.uint64))


def _planes(pictures: Sequence[Picture]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(np.stack(pictures).transpose(0, 3, 1, 2))


def _on(values: NDArray[Any], device: str) -> Tensor:
    return torch.from_numpy(values).to(device)
