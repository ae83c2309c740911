"""What the engine gives a stage: its name, where to write, how to reach pictures, a logger."""

import logging
import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from pathlib import Path

from framewire.pipeline.frame.packet import Packet, PictureRef
from framewire.pipeline.frame.ring import Pixels, RingReader, StreamRings
from framewire.pipeline.seen.figures import MODEL_AND_PROVIDER, series_of
from framewire.pipeline.seen.histogram import Histogram
from framewire.pipeline.seen.published import Published
from framewire.pipeline.unfinished import FOLDER, Unfinished


class StageContext:
    """What the engine gives a stage: its name, where to write, how to reach pictures, a logger.

    `out` is the base folder for relative output paths, `folder` the one with the YAML file. `resumed` is true if a
    previous worker died in the same run, or the run is resumed: a sink then keeps what is on disk. `run_resumed` is
    true in the first worker of a resumed run. A stage fills `facts` in `open`: what users should know about how it
    runs, such as a model and what it runs on; the summary shows them. `chosen` is what the stage has chosen for itself
    where an option says `auto`: a stage adds to it in `open`, and finds there what its predecessor had chosen.
    `threads` is how many threads this worker may use in all, so that all workers of the run together use no more than
    there are cores. With `to_disk`, a frame is safe only once the disk itself has it, not just the kernel.
    `unfinished` lists the files that a sink has begun, in case it is killed. `with context.long_work():` is for what
    may take longer than `stuck_after_s` without being stuck, such as finishing a file. A sink that needs no more frames
    calls `context.enough("why")`: sources take none from then on, and the run ends well; frames in flight still come.
    `given` is the stage's name in results: of a copy for one machine, that of the stage in the file.
    `run` is the run's id, the same when it is resumed; `pipeline` and `file` are its pipeline's. A sink that publishes
    keeps its account in `published`. Any thread of a stage may call `wake` when there is news: the account has changed,
    or a sink that had no room has some. `files` are those of `Stage.files`, from where the run is started.
    `closes_within_s` is how long `close` may take, counted from its call.
    """

    def __init__(
        self,
        name: str,
        out: Path,
        resumed: bool = False,
        reader: RingReader | None = None,
        log: logging.Logger | None = None,
        folder: str = ".",
        threads: int = 1,
        use: str = "",
        run_resumed: bool = False,
        chosen: dict[str, str] | None = None,
        to_disk: bool = False,
        run: str = "",
        pipeline: str = "",
        file: str = "",
        given: str = "",
        files: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.given = given or name
        self.out = out
        self.folder = folder
        self.threads = threads
        self.resumed = resumed
        self.run_resumed = run_resumed
        self.chosen = chosen if chosen is not None else {}
        self.to_disk = to_disk
        self.run = run
        self.pipeline = pipeline
        self.file = file
        self.files = {name: Path(place) for name, place in (files or {}).items()}
        self.published: Published | None = None
        self.closes_within_s = math.inf
        self._use = use or name
        self.reader = reader or RingReader()
        self.log = log or logging.getLogger(f"framewire.{name}")
        self.facts: dict[str, str] = {}
        self.inference: dict[str, Histogram] = {}
        self.long_work: Callable[[], AbstractContextManager[None]] = nullcontext
        self.enough: Callable[[str], None] = lambda why: None
        self.wake: Callable[[], None] = lambda: None
        self._rings: dict[tuple[str, str], StreamRings] = {}
        self._unfinished: list[tuple[StreamRings, int]] = []

    @cached_property
    def unfinished(self) -> Unfinished:
        """The files that this sink has begun. Raises OSError."""
        unfinished = Unfinished(self.out, self.name, self._use, self.folder, self.resumed)
        for path in unfinished.gone:
            self.log.warning("%s is not there any more, with what this run has written to it; going on without", path)
        return unfinished

    def state_file(self, kind: str) -> Path:
        """A file in the engine's folder of `out`, for what the stage must know in a resumed run: OUT/.framewire/..."""
        return Path(self.out, FOLDER, f"{self.name}.{kind}")

    def timed_model(self, model: str, provider: str, seconds: float) -> None:
        """Record the time of a model call as a metric; `provider` is what it ran on."""
        series = series_of(f"{model}{MODEL_AND_PROVIDER}{provider}", self.inference)
        self.inference.setdefault(series, Histogram()).add(float(seconds))

    def begin_picture(
        self, packet: Packet, name: str, height: int, width: int, channels: int, generation: int = 0
    ) -> tuple[Pixels, PictureRef]:
        """A writable picture for this packet's frame in a ring of this stage."""
        key = (packet.stream, name)
        rings = self._rings.get(key)
        if rings is None:
            rings = self._rings[key] = StreamRings(packet.window)
        pixels, ref = rings.begin(packet.seq, packet.mark, height, width, channels, generation)
        self._unfinished.append((rings, packet.seq))
        return pixels, ref

    def finish_pictures(self) -> None:
        """All pictures begun are complete. The engine calls this when the stage returns the packet."""
        for rings, seq in self._unfinished:
            rings.finish(seq)
        self._unfinished.clear()

    def abandon_pictures(self) -> None:
        """Pictures begun stay incomplete and must not be read."""
        self._unfinished.clear()

    def made(self, ref: PictureRef) -> bool:
        """Whether the picture is in a ring of this stage."""
        return any(rings.made(ref) for rings in self._rings.values())

    def close(self) -> None:
        """Close the rings."""
        for rings in self._rings.values():
            rings.close()
        self._rings.clear()
