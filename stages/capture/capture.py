"""The capture stage: detects the kind of source and passes its pictures on."""

import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import numpy as np
from msgspec import Meta, Struct

from framewire.pipeline.frame.ring import Pixels
from framewire.pipeline.frame.shot import Shot
from framewire.pipeline.option import InputPath
from framewire.pipeline.privacy.address import shown as address_shown
from framewire.pipeline.stage import AUTO, AbsentError, Source, StageError, StreamPhase, stage
from framewire.stages.capture.cut import CutFinder
from framewire.stages.capture.demo import Demo
from framewire.stages.capture.inputs.address import STDIN, Address, address_of, is_live, stdin_address
from framewire.stages.capture.inputs.excerpt import Excerpt
from framewire.stages.capture.inputs.film.piped import PipedFilm
from framewire.stages.capture.inputs.film.server_says import Says, what_server_has
from framewire.stages.capture.inputs.film.video_file import FilmAddress, VideoFile
from framewire.stages.capture.inputs.live_stream import LiveRules, LiveStream, arriving, shots
from framewire.stages.capture.inputs.picture_source import PictureSource, Slot
from framewire.stages.capture.inputs.pictures.files import check_supported, local_path, several_files
from framewire.stages.capture.inputs.pictures.image_files import AnimatedPicture, ImageFiles
from framewire.stages.capture.inputs.pictures.picture_file import ANIMATED, is_image, pictures_in
from framewire.stages.capture.inputs.pictures.watched_folder import WatchedFolder
from framewire.stages.capture.pace import Pace

DEMO = "demo"
"""The name of the built-in source."""


class CaptureOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the frames come from."""

    source: Annotated[
        InputPath,
        Meta(
            min_length=1,
            description="A video file, a picture, a folder or a glob of pictures, f_%04d.png, demo (built in); "
            "a camera (0, /dev/video0), a stream (rtsp://, http://, ...), or - for standard input",
        ),
    ] = DEMO
    rate: Annotated[
        float, Meta(gt=0, le=1000, description="Frames per second of a sequence of pictures; videos have their own")
    ] = 25.0
    limit: Annotated[int, Meta(ge=0, description="Stop after n frames; 0: at the end")] = 0
    threads: Annotated[int, Meta(ge=1, le=64, description="Threads that decode a video file")] = 1
    start_s: Annotated[float, Meta(ge=0, description="Video files: seconds to skip at the beginning")] = 0.0
    duration_s: Annotated[float, Meta(ge=0, description="Video files: seconds to take; 0: to the end")] = 0.0
    every: Annotated[int, Meta(ge=1, description="Video files: take only every n-th frame")] = 1
    loops: Annotated[int, Meta(ge=0, description="Video files, demo: how often to play; 0: forever")] = 1
    realtime: Annotated[bool, Meta(description="Files: play in real time, not as fast as possible")] = False
    transport: Annotated[Literal["tcp", "udp"], Meta(description="RTSP: tcp loses nothing, udp is never late")] = "tcp"
    open_timeout_s: Annotated[float, Meta(gt=0, le=600, description="Streams: how long connecting may take")] = 10.0
    read_timeout_s: Annotated[
        float, Meta(gt=0, le=600, description="Streams: seconds without data before reconnecting")
    ] = 10.0
    live: Annotated[
        bool | Literal["auto"],
        Meta(
            description="http, https, standard input; no: a film, read once and whole, at its own times; yes: a "
            "stream, at the times of arrival; auto: what the server has, and a film if the pipe has times"
        ),
    ] = "auto"
    verify: Annotated[bool, Meta(description="https, rtsps: check the server's certificate")] = True
    tries: Annotated[int, Meta(ge=0, description="Streams: failed tries in a row before giving up; 0: never")] = 0
    size: Annotated[
        str,
        Meta(pattern=r"^(\d+x\d+)?$", description="Cameras, raw pixels: such as 1280x720; default: the camera's"),
    ] = ""
    camera_rate: Annotated[
        float, Meta(ge=0, le=1000, description="Cameras, raw pixels: frames per second; 0: default")
    ] = 0.0
    camera_format: Annotated[
        str, Meta(description="Cameras: mjpeg, yuyv422, ...; standard input: mjpeg, ..., or raw pixels: bgr24, ...")
    ] = ""
    watch: Annotated[bool, Meta(description="Folders: keep reading pictures added later, forever")] = False
    video: Annotated[
        int, Meta(ge=-1, description="Video files with several videos: which, from 0; -1: the default, or the largest")
    ] = -1
    deinterlace: Annotated[bool, Meta(description="Interlaced video files: merge fields into whole pictures")] = False
    hwaccel: Annotated[
        str, Meta(description="Hardware decoding: auto, or an FFmpeg device type (cuda, vaapi, qsv, ...)")
    ] = ""


@stage("capture")
class Capture(Source[CaptureOptions]):
    """Make a stream of frames from files, a camera, a network stream, or the built-in demo.

    Files, and films on web servers: nothing is ever skipped. Times are the film's own, from 0 at its first picture on;
    where its clock jumps, as in joined recordings, they go on. A picture that cannot be read, or a frame that cannot be
    decoded, is a failed frame: it keeps its number, and the run continues. Pictures stand upright, as a player shows
    them; what cannot be as a player has it (HDR, interlaced fields, pixels that are not square) is told once.

    Cameras and streams: timestamps are arrival times. When the window is full, a new picture replaces the one that
    waits (`window_full`), so what is shown is never older than the window. A stream that is down, silent or ended is
    reconnected after 0.5 s, 1 s, 1.5 s, 1.5 s, ..., and may come back with another size. Standard input and a folder
    with `watch` skip nothing: they wait. A film through a pipe keeps its own times; bare pixels and MJPEG have none,
    and take `camera_rate`, or the times of their arrival.

    Example:
        capture: {source: people.mp4}
        door: {use: capture, source: "rtsp://camera.local/stream", read_timeout_s: 3}
    """

    Options = CaptureOptions
    tuning = frozenset({"threads", "realtime", "transport", "open_timeout_s", "read_timeout_s", "tries"})

    @classmethod
    def reads(cls, options: CaptureOptions) -> str | None:
        """See Source: pictures may be added to a watched folder, and a pipe cannot be read twice."""
        if options.source == STDIN:
            raise StageError("what came through standard input cannot be read again")
        return f"{options.source} (watched)" if options.watch else None

    def open(self) -> None:
        """Open the source, so that errors in it are reported before anything else starts."""
        self._live: LiveStream | None = None
        self._opened: PictureSource | None = None
        self._watched: WatchedFolder | None = None
        self._given = 0
        self._cuts = CutFinder()
        self._pixels: Pixels | None = None
        self._unasked = False
        self._pace = Pace(self.options.realtime)
        self._source = local_path(self.options.source)
        if is_live(self._source) and self.as_chosen("live", self._asked_live, self._liveness, str) == "yes":
            self._live = self._live_stream()
            self._live.start()
        elif is_live(self._source):
            self._opened = self._open_film(self._film_address())
        elif self.options.watch:
            seen = self.context.state_file("seen")
            self._watched = WatchedFolder(Path(self._source), seen, self.context.resumed, self.wake)
        else:
            self._opened = self._open_file()

    def try_out(self, connect: bool) -> str:
        """See Stage: cameras and addresses are opened only with `connect`, standard input never."""
        if self.options.source == STDIN:
            return "standard input was not tried"
        if is_live(local_path(self.options.source)) and not connect:
            return f"{address_shown(self.options.source)} was not tried; --connect opens it"
        woken = threading.Event()
        self.wake = woken.set
        self.open()
        try:
            if self._live is not None:
                return self._live.first_news(woken, self.options.open_timeout_s + self.options.read_timeout_s)
            return self._opened.facts.words if self._opened is not None else f"{self._source} is watched"
        finally:
            self.close()

    def is_live(self) -> bool:
        """Cameras and streams are."""
        return self._live is not None

    def ready(self) -> bool:
        """See Source; this is also when the stream's news is logged."""
        if self.options.limit and self._given >= self.options.limit:
            # This is the end, whether or not another picture comes.
            return True
        if self._watched is not None:
            return self._watched.ready
        if self._live is None:
            return self._pace.due() <= time.monotonic()
        self._live.look()
        while self._live.news:
            level, text = self._live.news.popleft()
            self.log.log(level, "%s", text)
        return self._live.ready

    def phase(self) -> StreamPhase:
        """See Source."""
        return self._live.state if self._live is not None else StreamPhase.LIVE

    def reconnects(self) -> int:
        """See Source."""
        return max(0, self._live.connections - 1) if self._live is not None else 0

    def ready_at(self) -> float | None:
        """See Source."""
        if self._live is not None:
            return self._live.stalls_at
        if self._watched is not None:
            return self._watched.ready_at
        return self._pace.due() if self.options.realtime else None

    def frames(self, start: int) -> Iterator[Shot]:
        """Make the frames, from number `start` on."""
        if self._watched is not None:
            self._watched.begin(start)
        self._given = start
        return self._with_cuts(self._frames(start))

    def _with_cuts(self, shots: Iterator[Shot]) -> Iterator[Shot]:
        """The shots, marking those that begin a scene."""
        for shot in shots:
            self._given += 1
            cut = self._cuts.look(None if shot.failed else self._pixels)
            yield msgspec.structs.replace(shot, cut=cut) if cut else shot

    def _from(self, start: int, opened: PictureSource) -> Iterator[Shot]:
        """The frames from number `start` on; the one before is also read, to tell whether they begin a scene."""
        self._unasked = start > 0
        for shot in opened.shots(max(0, start - 1), self._place):
            if not self._unasked:
                yield shot
                continue
            self._unasked = False
            self._cuts.look(None if shot.failed else self._pixels)

    def _place(self, height: int, width: int) -> Pixels:
        """The place for the next picture, checked for a cut once it is written."""
        self._pixels = np.empty((height, width, 3), np.uint8) if self._unasked else self.slot(height, width)
        return self._pixels

    def _frames(self, start: int) -> Iterator[Shot]:
        limit = self.options.limit
        if self._live is not None:
            self._live.began, self._live.first = self.began, start
            live = self._live_shots(self._live)
            yield from islice(live, max(0, limit - start)) if limit else live
            if not limit or self._given < limit:
                self.cut_short = self._live.failure
            return
        if self._watched is not None:
            arriving = self._watched.shots(self._describing(self._watched.facts.description))
            yield from islice(arriving, max(0, limit - start)) if limit else arriving
            return
        assert self._opened is not None
        facts = self._opened.facts
        expected = facts.expected
        if limit:
            expected = limit if expected is None else min(limit, expected)
        self.describe(facts.description, facts.height, facts.width, expected)
        shots = self._from(start, self._opened)
        made = start
        self._pace.begin(start)
        for shot in islice(shots, max(0, limit - start)) if limit else shots:
            made += 1
            self._pace.played(shot)
            yield shot
        if isinstance(self._opened, VideoFile) and (not limit or made < limit):
            self.cut_short = self._opened.cut_short or ("" if made else self._opened.why_nothing)
        if not made:
            return
        if expected is not None and made < expected:
            self.log.warning("%s ended early, after %d of %d frames", facts.description, made, expected)

    def close(self) -> None:
        """Close the source."""
        if self._live is not None:
            self._live.close()
        if self._watched is not None:
            self._watched.close()
        if self._opened is not None:
            self._opened.close()

    def _live_shots(self, live: LiveStream) -> Iterator[Shot]:
        def rate() -> float | None:
            return float(live.rate) if live.rate else None

        for number, shot in enumerate(shots(live, self._describing(live.address.shown, rate))):
            if not number and self.options.hwaccel:
                self._tell_decoder(live.decoder)
            if not number and shot.failed:
                self.describe(live.address.shown, *live.size, self.options.limit or None, rate())
            yield shot

    def _describing(self, description: str, rate: Callable[[], float | None] = lambda: None) -> Slot:
        """A slot that describes the stream by its first picture and the rate known by then."""

        def slot(height: int, width: int) -> Pixels:
            self.began = self._live.began if self._live is not None else None
            self.describe(description, height, width, self.options.limit or None, rate())
            return self._place(height, width)

        return slot

    def _tell_decoder(self, kind: str) -> None:
        how = f"decodes on {kind}" if kind else "decodes in software: no device can"
        self.context.facts["decoder"] = how
        self.log.info("%s", how)

    def _live_stream(self) -> LiveStream:
        options = self.options
        camera = {
            "video_size": options.size,
            "framerate": f"{options.camera_rate:g}" if options.camera_rate else "",
            "input_format": options.camera_format,
        }
        asked = {name: value for name, value in camera.items() if value}
        if options.source == STDIN:
            address = self._stdin()
        else:
            address = address_of(self._source, options.transport, options.read_timeout_s, asked, options.verify)
        once = options.source == STDIN
        rules = LiveRules(options.open_timeout_s, options.read_timeout_s, options.tries, once, options.hwaccel)
        is_film = once and self._asked_live != "yes"
        read = PipedFilm(bool(options.camera_rate) or self._asked_live == "no") if is_film else arriving
        return LiveStream(address, rules, self.wake, random.Random(), read)

    def _stdin(self) -> Address:
        if os.isatty(0):
            raise StageError("standard input is a terminal; pipe in a video, or name a file")
        return stdin_address(self.options.camera_format, self.options.size, self.options.camera_rate)

    def _open_file(self) -> PictureSource:
        name = self._source
        if name == DEMO:
            return Demo(self.options.loops)
        several = several_files(name)
        if several is not None:
            if several.left_out:
                self.log.warning("%s: only pictures are read, not %s", name, several.left_out)
            return ImageFiles(several.pictures, name, self.options.rate)
        path = Path(name)
        if path.exists() and not path.is_file():
            raise StageError(f"{name} is not a file; what comes through a pipe is read as standard input: source: '-'")
        if not path.is_file():
            raise AbsentError(f"no such file: {name}")
        check_supported(path)
        if is_image(path):
            is_animation = path.suffix.lower() in ANIMATED and pictures_in(path) > 1
            return AnimatedPicture(path) if is_animation else ImageFiles([path], name, self.options.rate)
        return self._open_film(path)

    @property
    def _asked_live(self) -> str:
        """In YAML `yes` is true."""
        live = self.options.live
        return live if isinstance(live, str) else "yes" if live else "no"

    def _liveness(self, asked: str) -> str:
        """Whether the source is a stream without an end; `auto`: what the server says."""
        may_end = self._source.lower().startswith(("http://", "https://"))
        if asked == "no" and not may_end:
            raise StageError(f"{address_shown(self._source)} has no end; remove `live`")
        if asked != AUTO:
            return asked
        has = what_server_has(self._source, self.options.verify) if may_end else Says.STREAM
        if has is Says.PLAYLIST:
            return "no" if self._film_address().has_an_end else "yes"
        return "no" if has is Says.FILM else "yes"

    def _film_address(self) -> FilmAddress:
        options = self.options
        address = address_of(self._source, options.transport, options.read_timeout_s, {}, options.verify)
        return FilmAddress(address.name, address.shown, address.options, options.open_timeout_s, options.read_timeout_s)

    def _open_film(self, path: Path | FilmAddress) -> VideoFile:
        options, said = self.options, self.context.facts
        excerpt = Excerpt(options.start_s, options.duration_s, options.every, options.loops)

        def opened(hwaccel: str) -> VideoFile:
            return VideoFile(
                path, options.threads, excerpt, hwaccel, options.video, options.deinterlace, said, self.log
            )

        film = self.as_chosen("decoder", options.hwaccel, opened, lambda film: film.decoder)
        if options.hwaccel:
            self._tell_decoder(film.decoder)
        return film
