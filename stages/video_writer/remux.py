"""From the journal to the requested file: the same coded pictures in another container."""

import errno
import os
from collections.abc import Generator, Iterable
from fractions import Fraction
from pathlib import Path

import av
import av.error
from av.bitstream import BitStreamFilterContext
from av.packet import Packet
from av.video.stream import VideoStream

from framewire.pipeline.disk import sync_folder
from framewire.pipeline.stage import StageError
from framewire.pipeline.unfinished import making_of

NOT_OF_THE_FILE = frozenset({None, errno.EINVAL})
"""FFmpeg's answers to a container or codec that cannot be, which PyAV raises as OSError."""
CONSTANT_RATE = frozenset({".avi"})
"""Containers without timestamps: frame n is shown at n / rate."""


def remux(journal: Path, target: Path, rate: tuple[int, int], to_disk: bool = False) -> int:
    """Write `target` from the journal, without re-encoding; returns the number of pictures.

    The file appears whole or not at all. With `to_disk`, the disk has it then. Raises StageError, OSError.
    """
    unfinished = making_of(target)
    constant = target.suffix.lower() in CONSTANT_RATE
    options = {"movflags": "faststart"} if target.suffix.lower() in {".mp4", ".mov", ".m4v"} else {}
    count = 0
    try:
        with (
            av.open(str(journal), format="mov") as coded,
            av.open(str(unfinished), "w", options=options) as out,
        ):
            source = coded.streams.video[0]
            stream = out.add_stream_from_template(source)
            if constant:
                stream.time_base = 1 / Fraction(*rate)
            packets = (packet for packet in coded.demux(source) if packet.size)
            if constant and source.codec_context.name == "h264":
                packets = _with_start_codes(packets, source, stream)
            for packet in packets:
                if constant:
                    packet.time_base = 1 / Fraction(*rate)
                    packet.pts = packet.dts = count
                    packet.duration = 1
                packet.stream = stream
                out.mux(packet)
                count += 1
        if to_disk:
            _sync(unfinished)
        unfinished.replace(target)
        if to_disk:
            sync_folder(target.parent)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        if error.errno in NOT_OF_THE_FILE:
            raise StageError(_no_such_container(target, error)) from error
        raise OSError(error.errno, os.strerror(error.errno or 0), str(target)) from error
    except (av.error.FFmpegError, ValueError) as error:
        unfinished.unlink(missing_ok=True)
        raise StageError(_no_such_container(target, error)) from error
    return count


def _no_such_container(target: Path, error: Exception) -> str:
    return f"cannot write a {target.suffix} file: {error}; try .mp4, .mov, .mkv or .avi"


def _sync(path: Path) -> None:
    with path.open("r+b") as file:
        os.fsync(file.fileno())


def _with_start_codes(
    packets: Iterable[Packet], source: VideoStream, stream: VideoStream
) -> Generator[Packet, None, None]:
    """H.264 as an .avi stores it: Annex B start codes where MP4 has lengths."""
    convert = BitStreamFilterContext("h264_mp4toannexb", source, stream)
    for packet in packets:
        yield from convert.filter(packet)
