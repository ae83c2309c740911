"""Runs a source: numbers the pictures of its stream, and takes another only when the window admits it."""

import time
from collections.abc import Callable, Iterator
from typing import Any

from framewire.pipeline.flow.latency import Admission, window_for_target
from framewire.pipeline.flow.window import SourceWindow, window_for
from framewire.pipeline.frame.answer import (
    InvalidAnswerError,
    plain_count,
    plain_text,
)
from framewire.pipeline.frame.packet import FRAME, Packet, PictureRef
from framewire.pipeline.frame.ring import Pixels
from framewire.pipeline.frame.shot import Shot
from framewire.pipeline.nodes.notes import FrameInHand, Notes
from framewire.pipeline.nodes.plain_shot import PlainShots
from framewire.pipeline.nodes.tracer import Tracer
from framewire.pipeline.seen.figures import SourceFigures, StageFigures
from framewire.pipeline.stage import Source, StageError, StreamPhase
from framewire.pipeline.stage_context import StageContext
from framewire.pipeline.wire.message import CutShort, Message, StreamOpened
from framewire.pipeline.wire.stream_state import StreamState

WINDOW_FULL = "window_full"
"""Why a live source skipped a picture: earlier frames were not settled yet."""
CRASHED = "crashed"
"""Why frames failed that were in flight when the worker of a live source died: they cannot be made again."""


class SourceNode:
    """Runs one source. `produce` makes at most one frame; `send_again` gives those a crash may have lost."""

    def __init__(
        self,
        source: Source[Any],
        context: StageContext,
        window_wanted: int,
        ring_bytes: int,
        notes: Notes,
        tell: Callable[[Message], None],
        target_s: float | None = None,
    ) -> None:
        """With `target_s`, a live source has no more frames in flight than are done in that time."""
        self.stage = source
        self.context = context
        self.stream = _stream_of(source)
        self.figures = StageFigures(inference=context.inference)
        self.is_paused = False
        """Whether it takes no pictures until the next epoch."""
        self._seen = SourceFigures(context.name)
        self._window_wanted = window_wanted
        self._ring_bytes = ring_bytes
        self._notes = notes
        self._tell = tell
        self._target_s = target_s
        self._admission: Admission | None = None
        self.tracer: Tracer | None = None
        self._shots: Iterator[Shot] | None = None
        self._plain_shots = PlainShots()
        self._start = 0
        self._window: SourceWindow | None = None
        self._pending: PictureRef | None = None
        self._size = (0, 0)
        self._lost = 0
        self._exhausted = False
        self._done = False
        self._live = False
        source.slot = self._slot
        source.describe = self._describe

    def start(self, states: list[StreamState]) -> None:
        """Start at the settled mark of this source's stream: 0, except for a replacement worker."""
        self._live = self.stage.is_live()
        for state in states:
            if state.stream == self.stream:
                self._start = state.mark
                if self._live and state.window and not state.ended:
                    # Up to a window of frames was in flight, and they cannot be made again.
                    self._window = SourceWindow(state.window, state.mark)
                    self._size = (state.height, state.width)
                    self._lost = state.window if state.was_cut else 0
                    self.stage.began = state.began
                self._done = state.ended
        if not self._done:
            self._shots = self.stage.frames(self._start + self._lost)

    @property
    def started(self) -> bool:
        """Whether `start` was called."""
        return self._done or self._shots is not None

    @property
    def source_figures(self) -> SourceFigures:
        """Its figures for the stream so far."""
        self._seen.state = StreamPhase.ENDED.value if self._done else self.stage.phase().value
        self._seen.reconnects = self.stage.reconnects()
        return self._seen

    @property
    def may_produce(self) -> bool:
        """Whether `produce` would do anything now."""
        if self._done or self._shots is None or not self._has_room():
            return False
        return self._exhausted or self._lost > 0 or self.stage.ready()

    @property
    def ready_at(self) -> float | None:
        """When to check `may_produce` again; None if a message will come first."""
        waits = not self._done and self._shots is not None and self._has_room()
        return self.stage.ready_at() if waits else None

    def _has_room(self) -> bool:
        """Whether one more frame may be in flight."""
        if self.is_paused and not self._exhausted and not self._lost:
            # What a crash has cost is told all the same.
            return False
        if self._window is None:
            return True
        limit = self._admission.limit if self._admission is not None else self._window.size
        return self._window.open and self._window.under_way < limit

    def settle(self, mark: int) -> None:
        """Every frame below `mark` is settled."""
        if self._window is None:
            return
        newest = self._window.packet(mark - 1)
        self._window.settle(mark)
        admission = self._admission
        if admission is not None and newest is not None and not newest.end:
            age = time.monotonic() - newest.captured
            if admission.settled(age):
                self.context.log.warning(
                    "frames take %.0f ms, and the target is %.0f: the stages are too slow; "
                    "give the busiest replicas, or less to do",
                    *(age * 1000, admission.target_s * 1000),
                )

    def send_again(self) -> list[Packet]:
        """The unsettled frames, in order, including the end of the stream."""
        again = [] if self._window is None else self._window.unsettled()
        self._seen.resent += len(again)
        return again

    def drain(self) -> None:
        """Take no more pictures: the stream ends here."""
        self._exhausted = True

    def produce(self) -> Packet | None:
        """The next frame, or the end of the stream; None if there is no room for either."""
        if self._lost:
            return self._lose()
        if self._exhausted or self._shots is None:
            return self._end()
        seq = self._window.next_seq if self._window is not None else self._start
        wall, cpu = time.monotonic(), time.thread_time()
        self._notes.take([FrameInHand(self.context.name, self.stream, seq)], wall)
        self._pending = None
        shot = next(self._shots, None)
        self._notes.put_down()
        if shot is not None and not isinstance(shot, Shot):
            raise StageError(f"{self.stage.name}.frames must yield Shot, not {type(shot).__name__}")
        if shot is None:
            self._exhausted = True
            if self.stage.cut_short:
                self._tell(CutShort(self.context.name, self.stage.cut_short))
            return self._end() if self._window is None or self._window.open else None
        self.figures.count += 1
        self.figures.work.add(time.monotonic() - wall)
        self.figures.cpu_seconds += time.thread_time() - cpu
        packet = self._admit(shot)
        if self.tracer is not None:
            self.tracer.worked(self.context.name, [packet], wall)
        return packet

    def close(self) -> None:
        """Close the source, its generator and its rings."""
        if self._shots is not None:
            close = getattr(self._shots, "close", None)
            if close is not None:
                close()
        self.stage.close()
        self.context.close()

    def _describe(
        self, description: str, height: int, width: int, expected: int | None = None, rate: float | None = None
    ) -> None:
        if self._window is None:
            try:
                description = plain_text(description, "description")
                height, width = plain_count(height, "height"), plain_count(width, "width")
                expected = None if expected is None else plain_count(expected, "expected")
            except InvalidAnswerError as error:
                raise StageError(f"{self.stage.name} called describe wrongly: {error}") from error
            size = window_for(height, width, self._window_wanted, self._ring_bytes)
            if self._target_s is not None and self.stage.is_live():
                size = window_for_target(self._target_s, rate, size)
                self._admission = Admission(self._target_s, size)
            self._size = (height, width)
            self._window = SourceWindow(size, self._start)
            began = self.stage.began if self._live else None
            stage, stream = self.context.name, self.stream
            opened = StreamOpened(stage, stream, description, width, height, size, expected, began, self._live)
            self._tell(opened)

    def _slot(self, height: int, width: int) -> Pixels:
        window = self._opened()
        self._size = (height, width)
        pixels, self._pending = self.context.begin_picture(
            self._packet(window, window.next_seq), FRAME, height, width, 3
        )
        return pixels

    def _admit(self, shot: Shot) -> Packet:
        window = self._opened()
        try:
            shot = self._plain_shots.take(shot)
        except InvalidAnswerError as error:
            raise StageError(f"{self.stage.name}.frames yielded a Shot whose {error}") from error
        if shot.replaced:
            self._seen.skipped[WINDOW_FULL] = self._seen.skipped.get(WINDOW_FULL, 0) + shot.replaced
        self._seen.damaged += shot.damaged
        packet = self._packet(window, window.next_seq, shot)
        if shot.failed:
            self.context.abandon_pictures()
            packet = packet.fail(shot.failed, self.context.name)
        elif self._pending is None:
            raise StageError(f"{self.stage.name}.frames yielded a shot without asking for a slot")
        else:
            self.context.finish_pictures()
            packet = packet.with_picture(self._pending)
        window.admit(packet)
        self._seen.admitted = window.next_seq
        return packet

    def _lose(self) -> Packet:
        """One of the frames that may have been in flight when the previous worker died."""
        window = self._opened()
        packet = self._packet(window, window.next_seq).fail(CRASHED, self.context.name)
        window.admit(packet)
        self._seen.admitted = window.next_seq
        self._lost -= 1
        return packet

    def _end(self) -> Packet | None:
        window = self._opened()
        if not window.open:
            return None
        packet = self._packet(window, window.next_seq, end=True)
        window.admit(packet)
        self._done = True
        return packet

    def _opened(self) -> SourceWindow:
        if self._window is None:
            # A source without any frames: its stream is empty, but it is a stream.
            self._describe("nothing", 0, 0, 0)
        assert self._window is not None
        return self._window

    def _packet(self, window: SourceWindow, seq: int, shot: Shot | None = None, end: bool = False) -> Packet:
        height, width = self._size
        return Packet(
            source=self.context.name,
            stream=self.stream,
            seq=seq,
            window=window.size,
            mark=window.mark,
            pts=shot.pts if shot else 0,
            time_base=shot.time_base if shot else (1, 1),
            rate=shot.rate if shot else None,
            cut=shot.cut if shot else False,
            captured=time.monotonic(),
            width=width,
            height=height,
            end=end,
            live=self._live,
            pixel_aspect=shot.pixel_aspect if shot else None,
            taken_ms=shot.taken_ms if shot else None,
            file=shot.file if shot else "",
        )


def _stream_of(source: Source[Any]) -> str:
    """The name of its stream. Raises StageError."""
    try:
        return plain_text(source.stream(), "its name")
    except InvalidAnswerError as error:
        raise StageError(f"{source.name}.stream cannot be taken: {error}") from error
