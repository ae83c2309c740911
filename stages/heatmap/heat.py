"""The heat of one stream: seconds for each cell of a grid over its picture."""

import io

import cv2
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from framewire.pipeline.frame.packet import Detection
from framewire.stages.count.geometry import Anchor, anchor_of

PAUSE_S = 1.0
"""A longer gap between two frames counts as this: nobody knows who stood there meanwhile."""
BLUR_CELLS = 0.8
"""Cells over which colours run into each other, as a Gaussian's standard deviation: a box is not more exact."""


class Heat(Struct):
    """`seconds` are float64, row by row; `mark` is the first frame that is not in them, `seen` when its last was."""

    columns: int
    rows: int
    width: int
    height: int
    seconds: bytes = b""
    mark: int = 0
    seen: float | None = None
    frames: int = 0

    def grid(self) -> NDArray[np.float64]:
        """The seconds, (rows, columns); to be written to."""
        if not self.seconds:
            return np.zeros((self.rows, self.columns))
        return np.frombuffer(self.seconds, np.float64).reshape(self.rows, self.columns).copy()


def cell_of(one: Detection, heat: Heat, anchor: Anchor) -> tuple[int, int]:
    """The row and column in which somebody stands; the nearest, for one outside the picture."""
    x, y = anchor_of(one.box, anchor)
    row = int(y / max(1, heat.height) * heat.rows)
    column = int(x / max(1, heat.width) * heat.columns)
    return min(max(row, 0), heat.rows - 1), min(max(column, 0), heat.columns - 1)


def as_npz(heat: Heat, grid: NDArray[np.float64], labels: tuple[str, ...]) -> bytes:
    """A file for numpy.load: `seconds` float32 (rows, columns), `size` of the picture, `frames`, `labels`."""
    into = io.BytesIO()
    np.savez_compressed(
        into,
        seconds=grid.astype(np.float32),
        size=np.array([heat.width, heat.height]),
        frames=np.array(heat.frames),
        labels=np.array(labels),
    )
    return into.getvalue()


def as_png(heat: Heat, grid: NDArray[np.float64]) -> bytes:
    """A picture of the stream's size: the brighter, the longer; transparent where nobody stood."""
    smooth = cv2.GaussianBlur(grid.astype(np.float32), (0, 0), BLUR_CELLS)
    # Roots: where somebody waited for a minute, a second elsewhere would not be seen.
    share = np.sqrt(smooth / max(float(smooth.max()), 1e-9))
    large = np.clip(cv2.resize(share, (heat.width, heat.height), interpolation=cv2.INTER_CUBIC), 0, 1)
    colors = cv2.applyColorMap((large * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
    coded, content = cv2.imencode(".png", np.dstack([colors, (large * 255).astype(np.uint8)]))
    if not coded:
        raise ValueError(f"a picture of {heat.width} x {heat.height} cannot be written as PNG")
    return content.tobytes()
