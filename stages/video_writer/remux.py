"""From the journal to the file that the user asked for: the same coded pictures in another container."""

from fractions import Fraction
from pathlib import Path

import av
import av.error

from pipeline.stage import StageError

CONSTANT_RATE = frozenset({".avi"})
"""Containers without time stamps: frame n is shown at n / rate."""


def remux(journal: Path, target: Path, rate: tuple[int, int]) -> int:
    """Write `target` from the journal, without encoding; returns the number of pictures.

    The file is there as a whole or not at all. Raises StageError, OSError.
    """
    unfinished = target.with_name(f".{target.stem}.unfinished{target.suffix}")
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
            for packet in coded.demux(source):
                if not packet.size:
                    continue
                if constant:
                    packet.time_base = 1 / Fraction(*rate)
                    packet.pts = packet.dts = count
                    packet.duration = 1
                packet.stream = stream
                out.mux(packet)
                count += 1
    except (av.error.FFmpegError, ValueError) as error:
        unfinished.unlink(missing_ok=True)
        raise StageError(f"{target} cannot be made from what is in {journal}: {error}") from error
    unfinished.replace(target)
    return count
