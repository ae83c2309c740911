"""The network: a thin residual net with squeeze-and-excitation, made for crops of 44 to 64 pixels."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

SQUEEZE = 8
"""Channels per neuron of the squeeze (Hu et al., 2018, use 16 on nets ten times as wide)."""


class Block(nn.Module):
    """Two 3x3 convolutions with a shortcut (He et al., 2016), the output weighted by channel (Hu et al., 2018)."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(before, after, 3, stride, 1, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU(),
            nn.Conv2d(after, after, 3, 1, 1, bias=False),
            nn.BatchNorm2d(after),
        )
        self.weigh = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(after, after // SQUEEZE, 1),
            nn.ReLU(),
            nn.Conv2d(after // SQUEEZE, after, 1),
            nn.Sigmoid(),
        )
        same = before == after and stride == 1
        self.shortcut: nn.Module = (
            nn.Identity()
            if same
            else nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))
        )

    def forward(self, x: Tensor) -> Tensor:
        """(n, before, h, w) -> (n, after, h / stride, w / stride)."""
        y = self.body(x)
        return torch.relu(y * self.weigh(y) + self.shortcut(x))


class FaceNet(nn.Module):
    """Crops (n, channels, h, w) to features, and features to one answer for each head.

    `widths` are the channels of the levels, each at half the resolution of the one before; `depths` their blocks.
    """

    def __init__(
        self,
        channels: int,
        stem: int,
        stem_stride: int,
        widths: Sequence[int],
        depths: Sequence[int],
        heads: dict[str, int],
        dropout: float,
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(channels, stem, 3, stem_stride, 1, bias=False), nn.BatchNorm2d(stem), nn.ReLU()
        )
        levels: list[nn.Module] = []
        before = stem
        for width, depth in zip(widths, depths, strict=True):
            for number in range(depth):
                levels.append(Block(before, width, 2 if number == 0 else 1))
                before = width
        self.levels = nn.Sequential(*levels)
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout))
        self.heads = nn.ModuleDict({name: nn.Linear(before, size) for name, size in heads.items()})

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Logits (n, size) of each head."""
        features = self.pool(self.levels(self.stem(x)))
        return {name: head(features) for name, head in self.heads.items()}


def own_face_net(channels: int, heads: dict[str, int], dropout: float = 0.3) -> FaceNet:
    """The net of Framewire's own emotion model: about a million weights, 72 million multiplications at 48 pixels."""
    return FaceNet(channels, 24, 1, (40, 80, 160), (1, 2, 2), heads, dropout)
