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
