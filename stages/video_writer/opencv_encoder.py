"""cv2.VideoWriter with any fourcc: each fragment is a small file, checked because OpenCV fails silently."""

import errno
import io
import os
from fractions import Fraction
from pathlib import Path

import av
import av.error
import cv2

from framewire.pipeline.frame.ring import Pixels
from framewire.pipeline.stage import StageError
from framewire.stages.video_writer.fragment_encoder import Layout

_FRAGMENTED = "frag_custom+empty_moov+default_base_moof+frag_discont+skip_trailer"
FULL_BYTES = 2**20
"""A disk with less free space than this counts as full: a fragment of larger pictures may not fit."""


class OpenCVFragment:
    """One fragment, via the file `scratch`, whose suffix selects the container that OpenCV writes."""

    def __init__(self, layout: Layout, fourcc: str, scratch: Path) -> None:
        self._layout = layout
        self._scratch = scratch
        self._fourcc = fourcc
        self._times: list[int] = []
        self._rate = Fraction(*layout.rate)
        self._writer = cv2.VideoWriter(
            str(scratch), cv2.VideoWriter.fourcc(*fourcc), float(self._rate), (layout.width, layout.height)
        )
        if not self._writer.isOpened():
            self._complain_if_full()
            raise StageError(
                f"OpenCV cannot write {fourcc} into {scratch.suffix} files at {layout.width}x{layout.height} "
                f"and {float(self._rate):g} frames per second; try MJPG with .avi, mp4v with .mp4, or backend: pyav"
            )

    def add(self, pixels: Pixels, time: int) -> None:
        """See FragmentEncoder."""
        self._writer.write(pixels)
        self._times.append(time)

    def finish(self) -> bytes:
        """See FragmentEncoder."""
        self._writer.release()
        memory = io.BytesIO()
        written = 0
        try:
            with (
                av.open(str(self._scratch)) as coded,
                av.open(memory, "w", format="mov", options={"movflags": _FRAGMENTED, "use_editlist": "0"}) as out,
            ):
                source = coded.streams.video[0]
                stream = out.add_stream_from_template(source)
                stream.time_base = Fraction(1, self._layout.timescale)
                for packet in coded.demux(source):
                    if not packet.size:
                        continue
                    if written < len(self._times):
                        packet.time_base = stream.time_base
                        packet.pts = packet.dts = self._times[written]
                        packet.duration = max(1, round(self._layout.timescale / self._rate))
                        packet.stream = stream
                        out.mux(packet)
                    written += 1
        except (av.error.FFmpegError, OSError, IndexError) as error:
            self._complain_if_full()
            raise StageError(f"what OpenCV wrote as {self._fourcc} cannot be read back: {error}") from error
        finally:
            self._scratch.unlink(missing_ok=True)
        if written != len(self._times):
            self._complain_if_full()
            raise StageError(
                f"OpenCV wrote {written} of {len(self._times)} frames as {self._fourcc}; "
                "try MJPG with .avi, mp4v with .mp4, or backend: pyav"
            )
        return memory.getvalue()

    def abandon(self) -> None:
        """See FragmentEncoder."""
        self._writer.release()
        self._scratch.unlink(missing_ok=True)

    def _complain_if_full(self) -> None:
        """OpenCV does not say why it cannot write. Raises OSError if the disk is full."""
        disk = os.statvfs(self._scratch.parent)
        if disk.f_bavail * disk.f_frsize < FULL_BYTES:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._scratch))
