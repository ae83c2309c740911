"""A frame as a program gets it from a run."""

import importlib
import weakref
from datetime import UTC, datetime
from typing import Any, cast

import msgspec
import numpy as np

from framewire.pipeline.frame.packet import FRAME, Detection, Event, Packet
from framewire.pipeline.frame.ring import Pixels, RingReader
from framewire.pipeline.result.result import result_of


class PicturePassedError(RuntimeError):
    """The frame has passed, and its picture with it."""


class PictureInUseError(RuntimeError):
    """A picture is still in use whose memory the run needs for another."""


class Frame:
    """One frame of a run: what was found in it, and its picture for as long as it is the loop's current one.

    `stream`, `seq`; `pts` in seconds since the stream's first picture; `time`, when it was taken, in UTC, None if
    nobody knows; `width`, `height` in pixels; `detections` and `events` as stages have left them; `outcome` is `ok`,
    `dropped` or `failed`, with `reason` and `stage`.
    """

    def __init__(self, packet: Packet, reader: RingReader) -> None:
        self.stream = packet.stream
        self.seq = packet.seq
        self.pts = packet.time
        self.width = packet.width
        self.height = packet.height
        self.detections: tuple[Detection, ...] = packet.detections
        self.events: tuple[Event, ...] = packet.events
        self.outcome = packet.outcome.word
        self.reason = packet.reason
        self.stage = packet.stage
        self.file = packet.file
        self._packet = packet
        self._reader: RingReader | None = reader
        self._memory: weakref.ref[Pixels] | None = None
        self._picture: Pixels | None = None

    @property
    def time(self) -> datetime | None:
        """When the picture was taken, in UTC; None if nobody knows."""
        taken = self._packet.taken_ms
        return None if taken is None else datetime.fromtimestamp(taken / 1000, UTC)

    @property
    def picture(self) -> Pixels | None:
        """Its pixels, uint8 (height, width, 3) BGR, read-only, in memory shared with the run; `.copy()` to keep them.

        None for a frame that was dropped or has failed. Raises PicturePassedError once the loop has gone on.
        """
        if self._packet.pictures.get(FRAME) is None or not self._packet.alive:
            return None
        if self._reader is None:
            raise PicturePassedError(
                f"frame {self.seq} of {self.stream} has passed, and its picture is gone; "
                "keep frame.picture.copy() while it is the current one"
            )
        if self._picture is None:
            pixels = self._reader.view(self._packet.pictures[FRAME])
            # NumPy's views have the first array over a buffer as their base: while it lives, somebody has one.
            first = np.frombuffer(memoryview(cast(Any, pixels.reshape(-1))), np.uint8)
            self._memory = weakref.ref(first)
            self._picture = first.reshape(pixels.shape)
        return self._picture

    def to_dict(self) -> dict[str, Any]:
        """What a line of `jsonl_writer` says of it: see docs/results.md."""
        found: dict[str, Any] = msgspec.to_builtins(result_of(self._packet))
        return found

    def rows(self) -> list[dict[str, Any]]:
        """A flat row for each detection, as pandas.DataFrame, polars.DataFrame and pyarrow.Table.from_pylist take them.

        Box in pixels: x, y, width, height. An attribute is a column of its name, with NAME_score and NAME_value.
        """
        frame = result_of(self._packet)
        rows = []
        for found in frame.detections:
            x, y, width, height = found.box
            row: dict[str, Any] = {
                "stream": frame.stream,
                "seq": frame.seq,
                "pts": frame.pts,
                "time": self.time,
                "id": found.id,
                "label": found.label,
                "x": x,
                "y": y,
                "width": width,
                "height": height,
                "score": found.score,
                "track": found.track,
                "parent": found.parent,
            }
            for name, said in found.attributes.items():
                row |= {name: said.label, f"{name}_score": said.score, f"{name}_value": said.value}
            rows.append(row)
        return rows

    def to_supervision(self) -> Any:
        """Its detections as `supervision.Detections`, which must be installed. Raises ImportError.

        Labels are in `data["class_name"]`, and numbered in `class_id` in alphabetical order of this frame's.
        """
        supervision = importlib.import_module("supervision")
        boxes = np.array([found.box for found in self.detections], np.float32).reshape(-1, 4)
        labels = sorted({found.label for found in self.detections})
        tracks = [found.track for found in self.detections]
        return supervision.Detections(
            xyxy=np.hstack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]]),
            confidence=np.array([1.0 if found.score is None else found.score for found in self.detections], np.float32),
            class_id=np.array([labels.index(found.label) for found in self.detections], int),
            tracker_id=np.array(tracks, int) if tracks and None not in tracks else None,
            data={"class_name": np.array([found.label for found in self.detections])},
        )

    def pass_by(self) -> None:
        """The loop goes on."""
        self._reader = self._picture = None

    @property
    def is_free(self) -> bool:
        """Whether nobody uses the picture any more, once the frame has passed."""
        return self._memory is None or self._memory() is None

    def __repr__(self) -> str:
        labels = ", ".join(detection.label for detection in self.detections) or "nothing found"
        what = labels if self.outcome == "ok" else f"{self.outcome}: {self.reason}"
        return f"<Frame {self.seq} of {self.stream}, {self.width}x{self.height}, {what}>"
