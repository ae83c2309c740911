"""A small VGG (Simonyan and Zisserman, Very deep convolutional networks for large-scale image recognition, 2015)."""

from torch import nn

from framewire.models.training.nets.headed import Headed, convolution

WIDTHS = (32, 64, 128)
NEURONS = 256


def vgg_small(channels: int, size: int, heads: dict[str, int], dropout: float) -> nn.Module:
    """Three levels of two convolutions of 3 pixels, each level at half the size; then 256 neurons."""
    layers: list[nn.Module] = []
    before = channels
    for width in WIDTHS:
        layers += [convolution(before, width), convolution(width, width), nn.MaxPool2d(2)]
        before, size = width, size // 2
    layers += [nn.Flatten(), nn.Dropout(dropout), nn.Linear(before * size * size, NEURONS), nn.ReLU(inplace=True)]
    return Headed(nn.Sequential(*layers), NEURONS, heads, dropout)
