"""Reads the films that runs have written."""

import hashlib
from pathlib import Path

import av


def decoded(path: Path) -> list[str]:
    """The time of each decoded picture, and a digest of its pixels."""
    with av.open(str(path)) as container:
        return [
            f"{frame.time:.6f} {hashlib.sha256(frame.to_ndarray().tobytes()).hexdigest()}"
            for frame in container.decode(video=0)
        ]


def pictures_in(path: Path) -> int:
    """How many pictures can be decoded; of one that still grows, too."""
    with av.open(str(path), format="mov" if path.suffix == ".part" else None) as container:
        return sum(1 for _ in container.decode(video=0))
