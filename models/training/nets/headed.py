"""Features to answers: one linear layer for each head."""

from torch import Tensor, nn


class Headed(nn.Module):
    """A body that gives features (n, count), and the logits (n, size) of each head."""

    def __init__(self, body: nn.Module, count: int, heads: dict[str, int], dropout: float = 0.0) -> None:
        super().__init__()
        self.body = body
        self.dropout = nn.Dropout(dropout)
        # A module's name may have no dot, and a head's may: numbered.
        self.names = list(heads)
        self.heads = nn.ModuleList([nn.Linear(count, size) for size in heads.values()])

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """(n, channels, h, w) -> logits by head."""
        features = self.dropout(self.body(x))
        return {name: head(features) for name, head in zip(self.names, self.heads, strict=True)}


def convolution(before: int, after: int, side: int = 3, stride: int = 1) -> nn.Sequential:
    """Convolution, batch norm (Ioffe and Szegedy, 2015), ReLU; the size stays, divided by the stride."""
    return nn.Sequential(
        nn.Conv2d(before, after, side, stride, side // 2, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)
    )
