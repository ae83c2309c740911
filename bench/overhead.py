"""What the engine costs: the tutorial's Haar program as a pipeline and as the tutorial's loop."""

from pathlib import Path

from bench.side_by_side import Program, SideBySide, side_by_side

TUTORIAL = Program(
    "tutorial-haar",
    Path(__file__).parents[1] / "configs" / "tutorial-haar.yaml",
    ("faces", "eyes", "drawn"),
    "bench.plain_loop",
)


def overhead(clip: Path | None) -> SideBySide:
    """Measure tutorial-haar."""
    return side_by_side(TUTORIAL, clip)
