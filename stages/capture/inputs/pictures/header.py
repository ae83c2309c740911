"""Whether a picture file may hold several pictures, by its first bytes: a folder has thousands that do not."""

import struct
from pathlib import Path
from typing import BinaryIO

PNG = b"\x89PNG\r\n\x1a\n"
CHUNKS_MAX = 100
"""Chunks before a PNG's first picture that are looked at."""
ANIMATION = 0x02
"""The flag of an animation in WebP's VP8X chunk."""
HEAD = 64


def may_have_several(file: Path) -> bool:
    """Whether it is an animated PNG, WebP or AVIF, or a TIFF of several pages. False if it cannot be read."""
    try:
        with file.open("rb") as opened:
            head = opened.read(HEAD)
            if head.startswith(PNG):
                return _is_apng(opened)
            if head[:4] in (b"II*\0", b"MM\0*"):
                return _has_pages(opened, "<" if head.startswith(b"II") else ">")
    except (OSError, struct.error, ValueError):
        return False
    if head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X":
        return bool(head[20] & ANIMATION) if len(head) > 20 else False
    # The sequence brand of AVIF may stand behind others; BigTIFF is left to OpenCV.
    return (head[4:8] == b"ftyp" and b"avis" in head) or head[:4] in (b"II+\0", b"MM\0+")


def _is_apng(opened: BinaryIO) -> bool:
    """The chunk that says so stands before the first picture (PNG, third edition, 11.3.5.1)."""
    opened.seek(len(PNG))
    for _ in range(CHUNKS_MAX):
        length, kind = struct.unpack(">I4s", opened.read(8))
        if kind in (b"acTL", b"IDAT"):
            return bool(kind == b"acTL")
        opened.seek(length + 4, 1)
    return False


def _has_pages(opened: BinaryIO, order: str) -> bool:
    """Whether the first directory of a TIFF names another (TIFF 6.0, section 2)."""
    opened.seek(4)
    (place,) = struct.unpack(f"{order}I", opened.read(4))
    opened.seek(place)
    (entries,) = struct.unpack(f"{order}H", opened.read(2))
    opened.seek(12 * entries, 1)
    (following,) = struct.unpack(f"{order}I", opened.read(4))
    return bool(following)
