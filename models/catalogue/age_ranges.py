"""Ranges of ages, as labels such as `(25-32)`."""

from collections.abc import Sequence


class AgeRanges:
    """Ranges such as `(25-32)`."""

    def __init__(self, ranges: Sequence[str]) -> None:
        self._edges = [_edges(text) for text in ranges]

    def of(self, years: float) -> str:
        """The range that an age falls in, or the nearest one if in a gap."""
        return min(self._edges, key=lambda edge: max(edge[0] - years, years - edge[1], 0.0))[2]


def _edges(text: str) -> tuple[float, float, str]:
    low, high = (float(edge) for edge in text.strip("()").split("-"))
    return low, high, text
