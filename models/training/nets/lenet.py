"""LeNet-5 (LeCun, Bottou, Bengio and Haffner, Gradient-based learning applied to document recognition, 1998).

With ReLU and batch norm for its sigmoids, and the largest instead of a weighted mean where it pools.
"""

from torch import nn

from framewire.models.training.nets.headed import Headed, convolution


def lenet(channels: int, size: int, heads: dict[str, int], dropout: float) -> nn.Module:
    """Two convolutions of 5 pixels with 6 and 16 maps, then 120 and 84 neurons."""
    left = size // 2 // 2
    body = nn.Sequential(
        convolution(channels, 6, 5),
        nn.MaxPool2d(2),
        convolution(6, 16, 5),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(16 * left * left, 120),
        nn.ReLU(inplace=True),
        nn.Linear(120, 84),
        nn.ReLU(inplace=True),
    )
    return Headed(body, 84, heads, dropout)
