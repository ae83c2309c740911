"""Age and gender through a cascade's crops: nets that are trained already learn to take faces as Haar cuts them.

Haar's boxes are off by a tenth of a face, and as much too large or too small; a net that has only seen a data set's own
crops changes its mind with them from frame to frame.
"""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from framewire.models.crops.face_crop import UTKFACE_CROP
from framewire.models.datasets.utkface import people_in
from framewire.models.evaluation.found_face import found_face
from framewire.models.finders.haar_finder import HaarFinder
from framewire.models.training.age_gender import EVALUATION_BATCH, SIZE, STORED, AgeGender
from framewire.models.training.augment import Augmentation, centre, normal
from framewire.models.training.face_net import FaceNet
from framewire.models.training.trainer import Recipe

RECIPE = Recipe(epochs=24, batch=96, rate=0.02, seed=23)
"""They know what they know: few epochs, small steps."""
LOOSE = Augmentation(angle=20.0, shift=0.12, zoom=0.2, light=0.2, contrast=0.3, blur=0.3, erase=0.2)
"""Beyond what Haar does: tilt to 20 degrees, shade, and the softness of small faces."""
AS_FOUND = Augmentation(angle=15.0, shift=0.04, zoom=0.06, light=0.2, contrast=0.3, blur=0.2, erase=0.2)
"""For crops that are as Haar has cut them already."""
SHARE_FOUND, SHARE_LOOSE = 0.5, 0.25
"""Of the pictures: shown as Haar found them, where it did; the data set's, moved about. The rest stay in place."""
TAUGHT = 0.5
"""How much is learned from the old nets' answers for the data set's crops, not from labels (Hinton et al., 2015)."""
KEPT = 0.2
"""Of the old weights: with none of them, the data set's own crops suffer."""
COUNTED = 1024
"""Pictures from which the norms' figures are taken."""


class LooseCrops(AgeGender):
    """A Task: the same people, in the data set's crops and in those of a cascade. Measured on both, held out."""

    def __init__(self, data: Path, side: int, cache: Path, teachers: Sequence[tuple[FaceNet, int]]) -> None:
        """Haar's crops are kept in the file `cache`: finding them takes minutes. Teachers come with their sides."""
        super().__init__(data, side)
        self._taught = _answers(teachers, self._images)
        crops, found, held_out = _haar_crops(data, cache)
        self._found, self._found_test = found[~held_out], found[held_out]
        self._crops, self._test_crops = crops[~held_out], crops[held_out]

    def some(self, count: int) -> Tensor:
        """Pictures of both kinds as a net gets them, (count, 3, side, side)."""
        chosen = torch.arange(0, self.train_count, max(1, self.train_count // count))[:count]
        return normal(self.pictures(chosen, torch.Generator().manual_seed(0)))

    def shown(self, count: int) -> "np.ndarray[tuple[int, ...], np.dtype[np.float32]]":
        """See AgeGender: half of them as Haar has cut them."""
        step = max(1, 2 * self.train_count // count)
        both = torch.cat([self._images[::step], self._crops[::step]])[:count]
        return centre(both.float(), SIZE).numpy()

    def pictures(self, chosen: Tensor, generator: torch.Generator) -> Tensor:
        """Each as Haar found it, or as the data set has it, in place or moved about."""
        drawn = torch.rand(len(chosen), generator=generator)
        found = (drawn < SHARE_FOUND) & self._found[chosen]
        loose = ~found & (drawn < SHARE_FOUND + SHARE_LOOSE)
        pictures = torch.where(found[:, None, None, None], self._crops[chosen], self._images[chosen])
        in_place = self.augmented(pictures, AS_FOUND, generator)
        in_place[loose] = self.augmented(pictures[loose], LOOSE, generator)
        return in_place

    def loss(self, net: nn.Module, chosen: Tensor, generator: torch.Generator) -> Tensor:
        """See Task: what the labels want, and what the teachers say of the data set's crop."""
        answers = net(normal(self.pictures(chosen, generator)))
        taught = sum(
            -(wanted[chosen] * answers[name].float().log_softmax(1)).sum(1).mean()
            for name, wanted in self._taught.items()
        )
        return (1 - TAUGHT) * self.of_labels(answers, chosen) + TAUGHT * taught

    def measure(self, net: nn.Module) -> dict[str, float]:
        """See Task: `best` weighs both kinds of crops alike."""
        own = super().measure(net)
        haar = self.measured(net, self._test_crops[self._found_test], self._found_test)
        return {
            **own,
            "best": (own["best"] + haar["best"]) / 2,
            "Haar: age error": haar["age error"],
            "Haar: gender": haar["gender"],
        }


def _answers(teachers: Sequence[tuple[FaceNet, int]], images: Tensor) -> dict[str, Tensor]:
    """Probabilities (n, size) of each head, the mean of all teachers and of pictures (n, 3, h, w) as in a mirror."""
    answers: dict[str, list[Tensor]] = {}
    with torch.inference_mode():
        for part in images.split(EVALUATION_BATCH):
            each = [
                teacher.eval()(normal(centre(shown.float() / 255, side)))
                for teacher, side in teachers
                for shown in (part, part.flip(3))
            ]
            for name in each[0]:
                answers.setdefault(name, []).append(torch.stack([one[name].softmax(1) for one in each]).mean(0))
    return {name: torch.cat(parts).clone() for name, parts in answers.items()}


def mixed(before: FaceNet, after: FaceNet, new: FaceNet) -> FaceNet:
    """Fill a `new` net with KEPT of the weights of one before, and the rest of the same after, its training.

    Such a mean keeps what each of them is good at (Wortsman et al., 2022, "Robust fine-tuning").
    """
    old, trained = before.state_dict(), after.state_dict()
    new.load_state_dict(
        {
            name: KEPT * value + (1 - KEPT) * trained[name] if value.is_floating_point() else trained[name]
            for name, value in old.items()
        }
    )
    return new.eval()


def let_norms_learn(net: FaceNet, pictures: Tensor) -> None:
    """Give norms that change nothing the figures of these inputs (n, 3, h, w), so that they still change nothing.

    In training a norm goes by its batch: one that was folded into its convolution would not know that batch.
    """
    seen: dict[nn.BatchNorm2d, Tensor] = {}

    def look(norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        assert isinstance(norm, nn.BatchNorm2d)
        seen[norm] = inputs[0].detach()

    hooks = [one.register_forward_pre_hook(look) for one in net.modules() if isinstance(one, nn.BatchNorm2d)]
    with torch.no_grad():
        net.eval()(pictures)
        for norm, values in seen.items():
            mean, var = values.mean((0, 2, 3)), values.var((0, 2, 3), unbiased=False)
            assert norm.running_mean is not None
            assert norm.running_var is not None
            norm.running_mean.copy_(mean)
            norm.running_var.copy_(var)
            norm.weight.copy_(torch.sqrt(var + norm.eps))
            norm.bias.add_(mean)
    for hook in hooks:
        hook.remove()


def _haar_crops(data: Path, cache: Path) -> tuple[Tensor, Tensor, Tensor]:
    """Crops (n, 3, STORED, STORED), whether a face was found, and which are held out."""
    if not cache.exists():
        finder = HaarFinder()
        crops, found, held_out = [], [], []
        for picture, person in people_in(data):
            crop = found_face(picture, finder, UTKFACE_CROP)
            seen = picture if crop is None else crop
            crops.append(cv2.resize(seen, (STORED, STORED), interpolation=cv2.INTER_AREA).transpose(2, 0, 1))
            found.append(crop is not None)
            held_out.append(person.held_out)
        cache.parent.mkdir(parents=True, exist_ok=True)
        np.savez(cache, crops=np.stack(crops), found=np.array(found), held_out=np.array(held_out))
    kept = np.load(cache)
    crops_, found_, held_out_ = (torch.from_numpy(kept[name]) for name in ("crops", "found", "held_out"))
    return crops_, found_, held_out_
