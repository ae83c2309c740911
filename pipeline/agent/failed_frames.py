"""Frames that kept crashing a stage of this machine: saved here, and offered to the run, which asks for them."""

from pathlib import Path

from framewire.pipeline.frame.failed_frame import FOLDER
from framewire.pipeline.line.lender import Lender
from framewire.pipeline.line.lent_file import FileChangedError, file_here
from framewire.pipeline.line.said import (
    FRAME_BYTES_MAX,
    FRAMES_WAITING_MAX,
    FileAsked,
    FilePart,
    FileRefused,
    FrameOffered,
)
from framewire.pipeline.wire.message import Remark


class FailedFrames:
    """The failed frames of a run on this machine; their files stay.

    Example:
        frames.offer(remark)              # a worker has saved one: what to tell the run; None if it stays here alone
        frames.answer(asked)              # it asks for a part
        frames.done(sha256)               # it has all, or wants none
    """

    def __init__(self, out: Path) -> None:
        """`out` is the folder to which workers write."""
        self._folder = (out / FOLDER).absolute()
        self._lender = Lender()
        self._waiting: set[str] = set()

    def offer(self, remark: Remark) -> FrameOffered | None:
        """The frame of which a worker tells; None if it is too large, too many wait, or it cannot be read."""
        path = Path(remark.saved)
        if path.parent != self._folder or len(self._waiting) >= FRAMES_WAITING_MAX:
            return None
        try:
            if not 0 < path.stat().st_size <= FRAME_BYTES_MAX:
                return None
            file = file_here(path)
        except (OSError, ValueError, FileChangedError):
            return None
        self._waiting.add(file.sha256)
        self._lender.lend(file)
        return FrameOffered(remark.worker, remark.stage, remark.text, file.sha256, file.size)

    def answer(self, asked: FileAsked) -> FilePart | FileRefused:
        """A part of a frame that was offered."""
        return self._lender.answer(asked)

    def done(self, sha256: str) -> None:
        """The run asks for it no more."""
        self._waiting.discard(sha256)
        self._lender.withdraw(sha256)
