"""A small GoogLeNet (Szegedy et al., Going deeper with convolutions, 2015): inception modules, then a mean."""

import torch
from torch import Tensor, nn

from framewire.models.training.nets.headed import Headed, convolution

STEM = 32
WIDTHS = ((64, 96), (128, 160))
"""Channels after each module of a level; each level is at half the size of the one before."""


class Inception(nn.Module):
    """Four ways side by side: 1 pixel; 3 pixels; 5 pixels; the largest of 3, then 1 pixel.

    Of the outputs the second way gives a half, the first a quarter, the others an eighth each, as in the paper's
    first module; 1-pixel convolutions make the input of the larger ones narrower.
    """

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        quarter, eighth = after // 4, after // 8
        self.ways = nn.ModuleList(
            [
                convolution(before, quarter, 1),
                nn.Sequential(convolution(before, quarter, 1), convolution(quarter, after // 2, 3)),
                nn.Sequential(convolution(before, eighth, 1), convolution(eighth, eighth, 5)),
                nn.Sequential(nn.MaxPool2d(3, 1, 1), convolution(before, eighth, 1)),
            ]
        )

    def forward(self, x: Tensor) -> Tensor:
        """(n, before, h, w) -> (n, after, h, w)."""
        return torch.cat([way(x) for way in self.ways], 1)


def googlenet_small(channels: int, size: int, heads: dict[str, int], dropout: float) -> nn.Module:
    """A convolution, two levels of two modules, and the mean over all places."""
    layers: list[nn.Module] = [convolution(channels, STEM)]
    before = STEM
    for level in WIDTHS:
        layers.append(nn.MaxPool2d(2))
        for width in level:
            layers.append(Inception(before, width))
            before = width
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return Headed(nn.Sequential(*layers), before, heads, dropout)
