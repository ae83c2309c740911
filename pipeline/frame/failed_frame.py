"""A frame that kept crashing a stage, saved with its pictures so that it can be replayed under a debugger."""

from math import prod
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct

from framewire.pipeline.frame.packet import Packet
from framewire.pipeline.frame.ring import Pixels, RingReader

FOLDER = "failed"
"""Folder for such frames, in the output folder."""
SUFFIX = ".frame"


class SavedPicture(Struct, frozen=True):
    """Pixels: uint8 rows of height x width x channels."""

    height: int
    width: int
    channels: int
    pixels: bytes

    @property
    def is_whole(self) -> bool:
        """Whether it has as many pixels as its size says."""
        sides = (self.height, self.width, self.channels)
        return min(sides) > 0 and prod(sides) == len(self.pixels)

    def array(self) -> Pixels:
        """The picture, (height, width, 3) BGR or (height, width) grey."""
        shape = (self.height, self.width) if self.channels == 1 else (self.height, self.width, self.channels)
        return np.frombuffer(self.pixels, np.uint8).reshape(shape)


class FailedFrame(Struct, frozen=True):
    """All that is needed to rerun one frame in one stage."""

    stage: str
    use: str
    options: dict[str, Any]
    folder: str
    packet: Packet
    pictures: dict[str, SavedPicture]

    @property
    def file_name(self) -> str:
        """What its file is called."""
        return f"{self.stage}-{self.packet.stream}-{self.packet.seq:06d}{SUFFIX}"


class NotAFailedFrameError(ValueError):
    """The file is not one that `save` wrote."""


def save(
    out: Path, stage: str, use: str, options: dict[str, Any], folder: str, packet: Packet, reader: RingReader
) -> Path:
    """Write the frame under `out`/failed, with those of its pictures that are on this machine; return its path.

    Raises OSError, PictureLostError.
    """
    pictures = {
        name: SavedPicture(ref.height, ref.width, ref.channels, reader.view(ref).tobytes())
        for name, ref in packet.pictures.items()
        if ref.is_here
    }
    bare = msgspec.structs.replace(packet, pictures={})
    return write(out, FailedFrame(stage, use, options, folder, bare, pictures))


def write(out: Path, frame: FailedFrame) -> Path:
    """Write a frame under `out`/failed and return its path. Raises OSError."""
    path = out / FOLDER / frame.file_name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.msgpack.encode(frame))
    return path


def load(path: Path) -> FailedFrame:
    """Read what `save` wrote. Raises NotAFailedFrameError, OSError."""
    try:
        return msgspec.msgpack.decode(path.read_bytes(), type=FailedFrame)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotAFailedFrameError(f"{path} is not a frame saved by a run under {FOLDER}/ ({error})") from error
