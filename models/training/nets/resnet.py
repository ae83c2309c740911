"""The residual net for small pictures (He, Zhang, Ren and Sun, Deep residual learning, 2016, section 4.2)."""

import torch
from torch import Tensor, nn

from framewire.models.training.nets.headed import Headed, convolution

WIDTHS = (16, 32, 64)
DEPTH = 3
"""Blocks of each level: with two convolutions each, a first and a last layer, 20 layers."""


class Residual(nn.Module):
    """Two convolutions, added to what came in; where the size changes, a 1-pixel convolution of it (option B)."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.first = convolution(before, after, 3, stride)
        self.second = nn.Sequential(nn.Conv2d(after, after, 3, 1, 1, bias=False), nn.BatchNorm2d(after))
        self.shortcut: nn.Module = nn.Identity()
        if before != after or stride != 1:
            self.shortcut = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))

    def forward(self, x: Tensor) -> Tensor:
        """(n, before, h, w) -> (n, after, h / stride, w / stride)."""
        return torch.relu(self.second(self.first(x)) + self.shortcut(x))


def resnet(channels: int, size: int, heads: dict[str, int], dropout: float) -> nn.Module:
    """20 layers; each level at half the size of the one before, then the mean over all places."""
    layers: list[nn.Module] = [convolution(channels, WIDTHS[0])]
    before = WIDTHS[0]
    for level, width in enumerate(WIDTHS):
        for number in range(DEPTH):
            layers.append(Residual(before, width, 2 if level and number == 0 else 1))
            before = width
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return Headed(nn.Sequential(*layers), before, heads, dropout)
