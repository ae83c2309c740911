"""Augmenting training pictures so that no net sees one twice; works on whole batches."""

import math

import torch
from msgspec import Struct
from torch import Tensor
from torch.nn import functional

ERASE_SHARE = (0.02, 0.2)
"""Area of the erased rectangle, as a fraction of the picture (Zhong et al., 2020)."""


class Augmentation(Struct, frozen=True, kw_only=True):
    """How much a picture may change. Angle in degrees; shift, zoom, light, contrast as fractions."""

    angle: float = 15.0
    shift: float = 0.08
    zoom: float = 0.12
    light: float = 0.15
    contrast: float = 0.25
    blur: float = 0.15
    """Fraction of pictures blurred."""
    erase: float = 0.3
    """Fraction of pictures with a rectangle erased."""
    mirror: bool = True
    """Whether half of them are mirrored."""


def augment(batch: Tensor, size: int, how: Augmentation, generator: torch.Generator) -> Tensor:
    """Rotate, shift, zoom and mirror pictures (n, c, h, w) to (n, c, size, size), then change lighting.

    Chance is drawn on the CPU by `generator`, so it is the same wherever the pictures are.
    """
    moved = _move(batch, size, how, generator)
    lit = _light(moved, how, generator)
    return _erase(_blur(lit, how, generator), how, generator)


def centre(batch: Tensor, size: int) -> Tensor:
    """The pictures as used in tests: scaled to (size, size)."""
    if batch.shape[-1] == size:
        return batch
    return functional.interpolate(batch, size=(size, size), mode="bilinear", align_corners=False, antialias=True)


def normal(pictures: Tensor) -> Tensor:
    """The nets' input: 0..1 scaled to about -1..1."""
    return (pictures - 0.5) * 2


def _spread(count: int, reach: float, generator: torch.Generator) -> Tensor:
    return (torch.rand(count, generator=generator) * 2 - 1) * reach


def _move(batch: Tensor, size: int, how: Augmentation, generator: torch.Generator) -> Tensor:
    count = len(batch)
    angle = _spread(count, math.radians(how.angle), generator)
    zoom = 1 + _spread(count, how.zoom, generator)
    mirror = torch.where(torch.rand(count, generator=generator) < (0.5 if how.mirror else 0.0), -1.0, 1.0)
    cos, sin = torch.cos(angle) * zoom, torch.sin(angle) * zoom
    across, down = _spread(count, 2 * how.shift, generator), _spread(count, 2 * how.shift, generator)
    rows = [torch.stack([cos * mirror, -sin, across], 1), torch.stack([sin * mirror, cos, down], 1)]
    places = torch.stack(rows, 1).to(batch.device)
    grid = functional.affine_grid(places, [count, batch.shape[1], size, size], align_corners=False)
    return functional.grid_sample(batch, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def _light(batch: Tensor, how: Augmentation, generator: torch.Generator) -> Tensor:
    count = len(batch)
    mean = batch.mean(dim=(1, 2, 3), keepdim=True)
    contrast = 1 + _spread(count, how.contrast, generator).view(-1, 1, 1, 1).to(batch.device)
    light = _spread(count, how.light, generator).view(-1, 1, 1, 1).to(batch.device)
    return ((batch - mean) * contrast + mean + light).clamp(0, 1)


def _blur(batch: Tensor, how: Augmentation, generator: torch.Generator) -> Tensor:
    chosen = (torch.rand(len(batch), generator=generator) < how.blur).to(batch.device)
    if not chosen.any():
        return batch
    soft = functional.avg_pool2d(functional.pad(batch[chosen], (1, 1, 1, 1), mode="replicate"), 3, 1)
    blurred = batch.clone()
    blurred[chosen] = soft
    return blurred


def _erase(batch: Tensor, how: Augmentation, generator: torch.Generator) -> Tensor:
    size = batch.shape[-1]
    for index in torch.nonzero(torch.rand(len(batch), generator=generator) < how.erase).flatten().tolist():
        area, shape, top, left = torch.rand(4, generator=generator).tolist()
        share = ERASE_SHARE[0] + area * (ERASE_SHARE[1] - ERASE_SHARE[0])
        aspect = math.exp((shape * 2 - 1) * math.log(3))
        high = min(size, max(1, round(size * math.sqrt(share * aspect))))
        wide = min(size, max(1, round(size * math.sqrt(share / aspect))))
        y, x = round(top * (size - high)), round(left * (size - wide))
        batch[index, :, y : y + high, x : x + wide] = torch.rand((), generator=generator).item()
    return batch
