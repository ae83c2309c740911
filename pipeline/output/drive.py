"""Whether a path lies on a drive that is not there: a folder made in its place would fill the system's own disk."""

import pwd
import re
from collections.abc import Iterator
from pathlib import Path

FSTAB = Path("/etc/fstab")
MOUNT_ROOTS = (Path("/mnt"), Path("/media"), Path("/run/media"))
"""Where drives are mounted, by the Filesystem Hierarchy Standard and udisks; the latter under the user's name."""


def absent_drive(path: Path, fstab: Path = FSTAB) -> Path | None:
    """The place where a drive should be mounted for this path, and is not; None if nothing is known to be missing.

    `path` is absolute, without links.
    """
    for place in _listed(fstab):
        if path.is_relative_to(place) and not place.is_mount() and not _mounted_below(place, path):
            return place
    nearest = next(folder for folder in path.parents if folder.is_dir())
    if path != nearest and (nearest in MOUNT_ROOTS or (nearest.parent in MOUNT_ROOTS and _is_user(nearest.name))):
        return nearest / path.relative_to(nearest).parts[0] if path.parent != nearest else None
    return None


def _mounted_below(place: Path, path: Path) -> bool:
    return any(folder.is_mount() for folder in path.parents if folder.is_relative_to(place))


def _listed(fstab: Path) -> Iterator[Path]:
    """The mount points of the system's table; see fstab(5)."""
    try:
        lines = fstab.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return
    for line in lines:
        fields = line.split()
        if len(fields) >= 2 and not line.lstrip().startswith("#") and fields[1].startswith("/") and fields[1] != "/":
            yield Path(re.sub(r"\\(\d{3})", lambda octal: chr(int(octal[1], 8)), fields[1]))


def _is_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True
