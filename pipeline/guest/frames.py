"""The frames of a run, one by one, in a loop."""

import contextlib
import gc
import threading
import traceback
from collections.abc import AsyncIterator, Iterator
from types import TracebackType
from typing import Any, Self

import msgspec
import zmq

from framewire.pipeline.graph.plan import make_plan
from framewire.pipeline.graph.spec import StageSpec
from framewire.pipeline.guest.frame import Frame, PictureInUseError
from framewire.pipeline.guest.guest_sink import GuestSink
from framewire.pipeline.guest.handover import Handover
from framewire.pipeline.guest.order import Order
from framewire.pipeline.guest.run_process import RunError, RunProcess
from framewire.pipeline.seen.summary import Summary
from framewire.pipeline.stage import NoOptions, Stage
from framewire.pipeline.stage_context import StageContext
from framewire.pipeline.wire.inbox import Outbox
from framewire.pipeline.wire.message import Enough, encode
from framewire.pipeline.worker.process import LAST_WORDS_MS, Boot, live
from framewire.pipeline.worker.teller import Teller


class Frames:
    """Iterates over the frames of a run, which begins with the first and ends with the loop, however that is left.

    After the last frame `summary` is what the run has done. Raises ConfigError, RunError.
    """

    def __init__(self, order: Order) -> None:
        self.summary: Summary | None = None
        self._order = order
        self._run: RunProcess | None = None
        self._guest: _Guest | None = None
        self._current: Frame | None = None
        self._before: Frame | None = None
        self._is_closed = False

    def __iter__(self) -> Iterator[Frame]:
        return self

    def __next__(self) -> Frame:
        try:
            return self._next()
        except BaseException:
            # A traceback that somebody keeps must not keep the run.
            self.close()
            raise

    def __aiter__(self) -> AsyncIterator[Frame]:
        return self

    async def __anext__(self) -> Frame:
        """The next frame; the event loop goes on meanwhile."""
        import asyncio

        found = await asyncio.to_thread(next, self, None)
        if found is None:
            raise StopAsyncIteration
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        with contextlib.suppress(Exception):
            self.close()

    def close(self) -> None:
        """End the run: frames in flight pass, its files are finished, and nothing of it is left."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._guest is not None:
            self._guest.leave()
        if self._run is not None:
            self._run.end()

    def _next(self) -> Frame:
        if self._is_closed:
            raise StopIteration
        if self._guest is None:
            self._begin()
        assert self._guest is not None
        self._pass_by()
        frame = self._guest.handover.take()
        if frame is None:
            self._end()
            raise StopIteration
        self._current = frame
        return frame

    def _begin(self) -> None:
        self._run = RunProcess(self._order)
        boot = self._run.invitation()
        self._guest = _Guest(boot)
        if boot is None:
            self._guest.handover.end()
        else:
            self._guest.start()
            self._run.when_over(self._guest.handover.end)

    def _pass_by(self) -> None:
        """The current frame passes; one that was current before may no longer be in use."""
        if self._before is not None:
            if not self._before.is_free:
                # Only garbage may point to it.
                gc.collect()
            if not self._before.is_free:
                raise PictureInUseError(
                    f"the picture of frame {self._before.seq} of {self._before.stream} is still in use, and its memory "
                    "is needed for another; keep frame.picture.copy() instead"
                )
            self._before = None
        if self._current is not None:
            self._current.pass_by()
            self._before = None if self._current.is_free else self._current
            self._current = None

    def _end(self) -> None:
        assert self._run is not None
        self._is_closed = True
        self._run.end()
        over = self._run.over
        if over is None:
            raise RunError("the run has died; its log says why")
        self.summary = over.summary
        if over.summary.error:
            raise RunError(over.summary.error, over.summary)


class _Guest:
    """The thread in which the guest's worker lives."""

    def __init__(self, boot: bytes | None) -> None:
        self.handover: Handover[Frame] = Handover()
        self._boot = boot
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._supervisor: Outbox | None = None
        self._name = ""
        self._thread = threading.Thread(target=self._live, name="framewire guest", daemon=True)

    def start(self) -> None:
        """Join the run."""
        boot = msgspec.msgpack.decode(self._boot or b"", type=Boot)
        self._name = f"{boot.process}#0"
        self._supervisor = Outbox(self._context, boot.supervisor, LAST_WORDS_MS)
        self._worker = (boot, Teller(self._supervisor, self._name))
        self._thread.start()

    def leave(self) -> None:
        """Want no more frames. Said before any frame is settled by it, so that no source takes another for it."""
        if self._supervisor is not None and not self.handover.is_closed:
            stage = self._name.partition("#")[0]
            self._supervisor.send(encode(Enough(self._name, stage, "the loop has been left")))
        self.handover.close()

    def _live(self) -> None:
        boot, tell = self._worker
        plan = make_plan(boot.spec)
        process = next(process for process in plan.processes if process.name == boot.process)
        try:
            live(boot, plan, process, self._context, tell, self._make)
        except Exception as error:
            tell.trouble(process.name, f"{type(error).__name__}: {error}\n{traceback.format_exc()}")
        finally:
            self.handover.end()
            if self._supervisor is not None:
                self._supervisor.close()
            self._context.destroy(linger=LAST_WORDS_MS)

    def _make(self, spec: StageSpec, context: StageContext) -> Stage[Any]:
        return GuestSink(NoOptions(), context, self.handover)
