"""A frame that kept crashing a stage, saved with its pictures so that it can be replayed under a debugger."""

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
    path = out / FOLDER / f"{stage}-{packet.stream}-{packet.seq:06d}{SUFFIX}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.msgpack.encode(FailedFrame(stage, use, options, folder, bare, pictures)))
    return path


def load(path: Path) -> FailedFrame:
    """Read what `save` wrote. Raises NotAFailedFrameError, OSError."""
    try:
        return msgspec.msgpack.decode(path.read_bytes(), type=FailedFrame)
    except msgspec.DecodeError as error:
        raise NotAFailedFrameError(f"{path} is not a frame saved by a run under {FOLDER}/ ({error})") from error
