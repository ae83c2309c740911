"""The whole graph, networks and all, as a pipeline and as one loop of the same calls in one process."""

from pathlib import Path

from bench.side_by_side import Program, SideBySide, side_by_side

FULL = Program(
    "full graph",
    Path(__file__).parent / "full_graph.yaml",
    ("faces", "eyes", "people", "drawn"),
    "bench.full_loop",
)


def full_graph(clip: Path | None) -> SideBySide:
    """Measure it."""
    return side_by_side(FULL, clip)
