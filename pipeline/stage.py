"""The contract of a stage: what an author writes, and what they may rely on."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import msgspec
from msgspec import Struct

from framewire.pipeline.frame.packet import FRAME, Packet
from framewire.pipeline.frame.ring import Pixels
from framewire.pipeline.frame.shot import Shot
from framewire.pipeline.stage_context import StageContext


class StageError(Exception):
    """An error that no retry would fix; its text tells the user what, where, and the fix."""


class AbsentError(StageError):
    """Something that an option names is not there: `check` only warns of it, since it may come before the run."""


class StreamPhase(Enum):
    """The state of a stream."""

    CONNECTING = "connecting"
    LIVE = "live"
    STALLED = "stalled"
    DOWN = "down"
    ENDED = "ended"


class NoOptions(Struct, frozen=True):
    """The options of a stage that has none."""


class Describe(Protocol):
    """Describes a source's stream once, before the first frame."""

    def __call__(
        self, description: str, height: int, width: int, expected: int | None = None, rate: float | None = None
    ) -> None:
        """`description` is shown to users; `expected` frames, and frames per second, if known."""


OptionsT = TypeVar("OptionsT")
T = TypeVar("T")
AUTO = "auto"
"""The value by which an option leaves a choice to the stage."""
BATCH_SIZE_DEFAULT = 8
"""A small network on a CPU gains little from larger batches."""


class Stage(Generic[OptionsT]):
    """A step that takes one packet and returns one.

    What you may rely on:
    - One instance runs in one process and one thread; nothing is shared with its replicas.
    - `open` is called once before the first packet, `close` once after the last, if the process survives.
    - `process` is called only with frames that are alive: dropped and failed ones bypass it.
    - Packets come in any order, and after a worker crash a packet may come twice, unless `ordered` is true: then each
      frame of a stream comes exactly once, by seq, and the stage cannot have replicas.
    - A picture from `picture()` is read-only and unchanged until `process` returns; keep a copy, not a view.
    - An exception in `process` marks that frame as failed, with the exception's name as the reason; the run
      continues. StageError in `open` ends the run with its text.

    Options are a msgspec Struct, checked before anything starts; `Annotated[int, Meta(ge=1, description="...")]`
    gives a field its range and the line that `framewire stages` shows.
    """

    Options: ClassVar[type[Any]] = NoOptions
    ordered: ClassVar[bool] = False
    looks: ClassVar[bool] = True
    """Whether the stage reads pictures. One with False gets only packets, and must not ask for a picture: on another
    machine than the picture's there may be none."""

    gives: ClassVar[frozenset[str]] = frozenset()
    """What it puts into packets that other stages may need, such as `tracks`."""

    needs: ClassVar[Mapping[str, str]] = {}
    """What some stage before it must give, and the name of a stage that does: {"tracks": "track"}."""

    hides: ClassVar[bool] = False
    """Whether it makes parts of the picture unrecognisable: nothing behind it, nor any viewer, then gets another."""

    tuning: ClassVar[frozenset[str]] = frozenset()
    """Options that do not change any result, such as a time limit: a resumed run may have other values of them."""

    name: ClassVar[str]
    """Set by the `stage` decorator: the name in YAML."""

    @classmethod
    def kind(cls) -> str:
        """`source`, `stage` or `sink`."""
        return "source" if issubclass(cls, Source) else "sink" if issubclass(cls, Sink) else "stage"

    def __init__(self, options: OptionsT, context: StageContext) -> None:
        self.options = options
        self.context = context
        self.log = context.log

    def open(self) -> None:
        """Load models, open files. Raise StageError for what the user must fix."""

    def try_out(self, connect: bool) -> str:
        """For `check`: open and close it, with an empty output folder; what there is, in words, or nothing.

        Without `connect` nobody beyond this machine may be asked. Raises StageError, AbsentError.
        """
        self.open()
        self.close()
        return ""

    def process(self, packet: Packet) -> Packet:
        """Process one frame; return it with detections, drawn on or dropped."""
        if self.batches():
            return self.process_batch([packet])[0]
        raise NotImplementedError

    def process_batch(self, packets: Sequence[Packet]) -> Sequence[Packet]:
        """Instead of `process`, for a stage that is faster with several frames at once, from any streams.

        Answer each packet, in the order given; the answer to a frame must not depend on the others. If it raises, each
        frame is retried alone, so that only the culprit fails. `batch: {size, wait_ms}` in YAML sets how many, and how
        long the first may wait for others; never longer, and, at 0, only until no message waits.
        """
        raise NotImplementedError

    def idle(self, packet: Packet) -> bool:
        """Batches: whether there is nothing to do on this frame. It is then answered at once, without waiting."""
        return False

    @classmethod
    def batch_size(cls, options: Any) -> int:
        """Frames per call unless YAML sets it: more of them make a call longer, and each frame later."""
        return BATCH_SIZE_DEFAULT

    @classmethod
    def batches(cls) -> bool:
        """Whether this stage takes several frames at once."""
        return cls.process_batch is not Stage.process_batch

    def as_chosen(self, what: str, asked: str, make: Callable[[Any], T], choice_of: Callable[[T], str]) -> T:
        """Make in `open` what an option asks for; what it leaves open (`auto`), as earlier workers of this run did.

        `make` gets what is asked for, the earlier choice, or `auto`; `choice_of` tells what `auto` came to. That is
        kept with the run, under the name `what`, so that a resumed run gives the same results though, say, a model was
        downloaded since. Raises StageError if a resumed run cannot have what was chosen; what `make` raises.

        Example:
            self._network = self.as_chosen("device", self.options.device, self._load, lambda network: network.device)
        """
        if asked != AUTO:
            return make(asked)
        chosen = self.context.chosen
        if what in chosen:
            try:
                return make(chosen[what])
            except Exception as error:
                if self.context.run_resumed:
                    raise StageError(
                        f"this run had chosen {what} {chosen[what] or 'none'}, which cannot be had now ({error}); "
                        "without --resume a new run begins"
                    ) from error
                self.log.warning("%s %s cannot be had any more (%s)", what, chosen[what] or "none", error)
        made = make(AUTO)
        chosen[what] = choice_of(made)
        return made

    def close(self) -> None:
        """Release what `open` took."""

    def memory(self, stream: str) -> bytes:
        """Ordered stages: your whole state for a stream, at most a megabyte.

        It is requested a few times per window and kept outside your process. If that dies, `remember` gets it in the
        next one, and later frames are sent again, so your answers are the same as if nothing had happened.
        Without these two, a stage that dies restarts with an empty memory.
        """
        raise NotImplementedError

    def remember(self, stream: str, memory: bytes) -> None:
        """Ordered stages: restore what `memory` gave; called after `open`, before the stream's first frame."""
        raise NotImplementedError

    @classmethod
    def outputs(cls, options: Any) -> Sequence[str]:
        """Files that it writes besides those in its `OutputPath` options, with `{field}` where names vary.

        Like those they are relative to the output folder: no run starts in which one of them is also read.
        """
        return ()

    @classmethod
    def files(cls, options: Any) -> Sequence[Path]:
        """Files on this machine that it finds by itself, not by a path in an option: a model by its name, say.

        It is asked where the run is started, if it runs on another machine. There `context.files` has them, by name.
        """
        return ()

    @classmethod
    def remembers(cls) -> bool:
        """Whether this stage hands out its memory."""
        return cls.memory is not Stage.memory

    def picture(self, packet: Packet, name: str = FRAME) -> Pixels:
        """The packet's picture: uint8 (height, width, 3) BGR, read-only, not a copy.

        Raises TypeError in a stage with `looks = False`.
        """
        self._must_look()
        return self.context.reader.view(packet.pictures[name])

    def canvas(self, packet: Packet, name: str = FRAME) -> tuple[Packet, Pixels]:
        """A writable copy of the packet's picture in a ring of this stage, and the packet that points to it.

        Raises TypeError in a stage with `looks = False`.
        """
        seen = self.picture(packet, name)
        packet, pixels = self._begin(packet, name)
        pixels[...] = seen
        return packet, pixels

    def with_pixels(self, packet: Packet, pixels: Pixels, name: str = FRAME) -> Packet:
        """The packet with these pixels in its picture's place, of the same size. Raises TypeError as `canvas` does."""
        self._must_look()
        packet, place = self._begin(packet, name)
        place[...] = pixels
        return packet

    def _begin(self, packet: Packet, name: str) -> tuple[Packet, Pixels]:
        ref = packet.pictures[name]
        pixels, own = self.context.begin_picture(packet, name, ref.height, ref.width, ref.channels, ref.generation + 1)
        return packet.with_picture(own, name), pixels

    def _must_look(self) -> None:
        if not self.looks:
            raise TypeError(f"{type(self).__name__} asks for a picture but has `looks = False`; remove that line")


class Source(Stage[OptionsT]):
    """A stage without input: it makes the frames of one stream.

    `frames(start)` is a generator. For each frame it asks `self.slot(height, width)` for the place to write the
    pixels to, writes them, and yields a Shot. The engine numbers the shots, from `start` on, and resumes the
    generator only when the window admits one more frame. After a crash a new instance is asked to start at the
    settled mark: frame `start` must then be the same picture as before.

    If `is_live()` is true, pictures come by themselves. The engine resumes the generator only when `ready()` says that
    the next picture, or the end, is available at once; the source's own thread waits for pictures, keeps the newest,
    counts those it replaced, and calls `wake` when one has come. `start` cannot be honoured: frames in flight at a
    crash count as failed.
    """

    cut_short: str = ""
    """Why the stream ends early; set it before the generator ends. The run then counts as failed."""
    wake: Callable[[], None]
    """Set by the engine: any thread may call it when `ready` has become true, or there is news."""

    began: float | None = None
    """Set by the engine in a replacement for a live source: when the stream's first picture came, CLOCK_MONOTONIC."""

    slot: Callable[[int, int], Pixels]
    """Set by the engine: the place for the next picture, uint8 (height, width, 3) BGR."""
    describe: Describe
    """Set by the engine: call it once before the first frame."""

    @classmethod
    def reads(cls, options: Any) -> str | None:
        """Tells whether a resumed run reads the same; None: by the files that its options name.

        Raises StageError if what it reads cannot be had again.
        """
        return None

    def is_live(self) -> bool:
        """Whether pictures come by themselves; asked after `open`."""
        return False

    def ready(self) -> bool:
        """Whether the next picture, or the stream's end, is available."""
        return True

    def ready_at(self) -> float | None:
        """When `ready` will be true by itself, by the monotonic clock; None if `wake` will tell."""
        return None

    def phase(self) -> StreamPhase:
        """The state of the stream; the engine knows when it has ended."""
        return StreamPhase.LIVE

    def reconnects(self) -> int:
        """How often a lost connection was restored."""
        return 0

    def stream(self) -> str:
        """The name of this source's stream: the stage's own name unless overridden."""
        return self.context.name

    def frames(self, start: int) -> Iterator[Shot]:
        """Make the frames, from number `start` on."""
        raise NotImplementedError


class Sink(Stage[OptionsT]):
    """A stage without output: it writes frames somewhere.

    - `write` is called for every frame of a stream in order, exactly once, including dropped and failed ones
      (see `packet.alive`). It returns the mark: the seq below which no frame can be undone by a crash of this
      process. At most half of `packet.window` frames may be held back.
    - `end` is called at the end of a stream: afterwards everything is safe.
    - `resume` is called before any frame in a worker that continues for another (a replacement, or a resumed run),
      and after a `write` that raised OSError: remove what the disk holds at or above `mark`; those frames come again.
    - An OSError in `write` or `end` (a full disk) ends a run on files; a live run waits, and writes the frame again
      when it can, and so does any run for `give_up_s` seconds, if YAML says so. A closed pipe ends any run.
    - A NoRoomError (framewire.pipeline.flow.no_room) holds the stream, for as long as it takes, until the sink calls
      `context.wake()`.
    - Any other exception in `write` fails that frame, with the exception's name as the reason, after `resume` at it; in
      a sink that holds frames back it counts as a crash, and a new worker goes on at the mark. StageError ends the run.
    - A file that grows under its own name is announced by `self.context.unfinished.grow(path)` before it is opened:
      a file of an earlier run is then set aside until this one has ended well, and a killed run's is kept.
    """

    ordered: ClassVar[bool] = True
    may_print: ClassVar[bool] = False
    """Whether its path may be `-`, standard output."""
    may_skip: ClassVar[bool] = False
    """Whether YAML may say `lag: skip`: frames that come while it is busy are then left out, and a `write` that raises
    has written nothing of its frame once `resume` was called."""

    def write(self, packet: Packet) -> int:
        """Write one frame; return the stream's mark. Raises OSError, with the file's name, if that is impossible."""
        raise NotImplementedError

    def end(self, packet: Packet) -> None:
        """The stream has ended with frame `packet.seq - 1`: finish its file."""

    def settle(self, packet: Packet) -> int | None:
        """Make safe what is held back of a live stream, up to this packet; return its new mark, None if it has none."""
        return None

    def resume(self, stream: str, mark: int) -> None:
        """Go on at `mark`: data of `stream` on disk at or above it is void."""

    @classmethod
    def closing_s(cls, options: Any) -> float:
        """How many seconds `close` may need, beyond those that finishing a file takes."""
        return 0.0

    @classmethod
    def recover(cls, growing: Path, target: Path) -> int | None:
        """Make a file whole that a killed run has left: all that is whole in `growing` becomes `target`, a new file.

        `growing` goes. Returns how many frames are in it, None if that is not known; if none are, there is no `target`.
        By default it is kept as it is, under the new name. Raises StageError, OSError.
        """
        growing.replace(target)
        return None

    @classmethod
    def wrote(cls, growing: Path) -> bool:
        """Whether this class wrote `.NAME.part`, a file that is on no list: one left by an older version."""
        return False


S = TypeVar("S", bound=type[Stage[Any]])


def stage(name: str) -> Callable[[S], S]:
    """Make a class a stage of that name.

    Raises TypeError if the class cannot be one: a programming error, so it is not a StageError.
    """

    def register(cls: S) -> S:
        if not issubclass(cls, Stage):
            raise TypeError(f"{cls.__name__} must derive from Stage, Source or Sink")
        if not (isinstance(cls.Options, type) and issubclass(cls.Options, Struct)):
            raise TypeError(f"{cls.__name__}.Options must be a msgspec Struct")
        if cls.remembers() and not (cls.ordered and cls.remember is not Stage.remember):
            raise TypeError(f"{cls.__name__} has `memory`: it must be ordered and have `remember` too")
        if cls.batches() and cls.ordered:
            raise TypeError(f"{cls.__name__} cannot be ordered and take batches")
        taken = RESERVED_KEYS.intersection(field.name for field in msgspec.structs.fields(cls.Options))
        if taken:
            raise TypeError(f"{cls.__name__}.Options: {', '.join(sorted(taken))} are reserved")
        cls.name = name
        return cls

    return register


_OF_THE_GRAPH = ("use", "input", "process", "replicas", "batch", "sources")
_OF_MACHINES = ("on", "near", "gpus")
_OF_TIME = ("stuck_after_s", "lag", "give_up_s")
RESERVED_KEYS = frozenset((*_OF_THE_GRAPH, *_OF_MACHINES, *_OF_TIME))
"""Keys of a stage in YAML that the engine reads itself."""
