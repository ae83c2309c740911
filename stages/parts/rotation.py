"""When a new part begins, and which old ones go."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct

from framewire.pipeline.stage import StageError

MEGABYTE = 10**6
ROUNDING_S = 1e-6
"""Timestamps are sums and differences of binary fractions."""


KEEPING = frozenset({"existing", "keep_mb", "keep_files"})
"""Options about other files than the one being written: a resumed run may have others."""


Existing = Literal["replace", "number", "refuse"]
"""What becomes of an earlier run's files."""


def refusal(path: Path) -> StageError:
    """The error of a sink that finds a file where `existing` is refuse."""
    return StageError(f"{path} exists, and `existing` is refuse; move it, give another path, or set `existing: number`")


class RotationOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of sinks whose output may come in parts."""

    existing: Annotated[
        Existing,
        Meta(
            description="If an earlier run's file has the name: replace it once the new one is whole; number the new "
            "one (always for a live stream); or refuse to start"
        ),
    ] = "replace"
    rotate_s: Annotated[
        float, Meta(ge=0, description="New file after this many seconds of the stream; 0: one file")
    ] = 0.0
    rotate_mb: Annotated[float, Meta(ge=0, description="New file after this many megabytes; 0: one file")] = 0.0
    keep_mb: Annotated[
        float, Meta(ge=0, description="Megabytes of files kept per stream, including earlier runs; 0: all")
    ] = 0.0
    keep_files: Annotated[int, Meta(ge=0, description="Files kept per stream, including earlier runs; 0: all")] = 0

    @property
    def rotates(self) -> bool:
        """Whether output comes in parts."""
        return bool(self.rotate_s or self.rotate_mb)

    def is_full(self, seconds: float, size: int) -> bool:
        """Whether a part of this many seconds and bytes must be followed by a new one."""
        lasted = self.rotate_s and seconds >= self.rotate_s - ROUNDING_S
        return bool(lasted or (self.rotate_mb and size >= self.rotate_mb * MEGABYTE))


def surplus(options: RotationOptions, files: Iterable[Path], current: Iterable[Path]) -> list[Path]:
    """The oldest files beyond the limits on number or total size; never one being written now."""
    sizes = {path: path.stat() for path in files}
    oldest_first = sorted(sizes, key=lambda path: (sizes[path].st_mtime_ns, str(path)))
    total = sum(stat.st_size for stat in sizes.values())
    count = len(sizes)
    kept = set(current)
    gone = []
    for path in oldest_first:
        too_many = options.keep_files and count > options.keep_files
        too_large = options.keep_mb and total > options.keep_mb * MEGABYTE
        if not (too_many or too_large):
            break
        if path not in kept:
            gone.append(path)
            total -= sizes[path].st_size
            count -= 1
    return gone
