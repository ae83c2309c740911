"""Stages for the system tests: they do as little as possible, or fail on purpose."""

import errno
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from framewire.pipeline.frame.packet import Attribute, Detection, Event, Packet
from framewire.pipeline.frame.shot import Shot
from framewire.pipeline.option import OutputPath
from framewire.pipeline.stage import Sink, Source, Stage, StageError, stage


class NumbersOptions(Struct, frozen=True):
    count: int = 100
    width: int = 64
    height: int = 48
    every_s: float = 0.0
    """Like a camera, it takes its time."""


@stage("numbers")
class Numbers(Source[NumbersOptions]):
    """Grey pictures whose pixels are the frame's number, modulo 256."""

    Options = NumbersOptions

    def frames(self, start: int) -> Iterator[Shot]:
        options = self.options
        self.describe("numbers", options.height, options.width, options.count)
        for number in range(start, options.count):
            self.slot(options.height, options.width)[...] = number % 256
            time.sleep(options.every_s)
            yield Shot(number, (1, 25), (25, 1))


@stage("read_number")
class ReadNumber(Stage[None]):
    """Reports the number the pixels show, and fails if they are not all the same."""

    def process(self, packet: Packet) -> Packet:
        picture = self.picture(packet)
        low, high = int(picture.min()), int(picture.max())
        if low != high or low != packet.seq % 256:
            raise ValueError(f"frame {packet.seq} shows {low} to {high}")
        return packet.plus([Detection(label="number", box=(0, 0, 1, 1), score=float(low))])


class PicksOptions(Struct, frozen=True):
    meet: str
    """A folder, in which both replicas must have been before either chooses."""


@stage("picks")
class Picks(Stage[PicksOptions]):
    """Two machines that choose at the same time, and otherwise: by the names of their folders."""

    Options = PicksOptions
    looks = False

    def open(self) -> None:
        meet = Path(self.options.meet)
        (meet / self.context.out.name).touch()
        with self.context.long_work():
            while len(list(meet.iterdir())) < 2:
                time.sleep(0.01)
        self.as_chosen("method", "auto", lambda asked: self.context.out.name if asked == "auto" else asked, str)

    def process(self, packet: Packet) -> Packet:
        return packet


@stage("happens")
class Happens(Stage[None]):
    """Something happens in every frame."""

    looks = False

    def process(self, packet: Packet) -> Packet:
        return msgspec.structs.replace(packet, events=(Event("ticked", value=float(packet.seq)),))


@stage("tells_gpus")
class TellsGpus(Stage[None]):
    """Writes down which GPUs its worker sees."""

    looks = False

    def open(self) -> None:
        seen = os.environ.get("CUDA_VISIBLE_DEVICES", "all")
        Path(self.context.out, f"{self.context.name}-{os.getpid()}.gpus").write_text(seen)

    def process(self, packet: Packet) -> Packet:
        return packet


class BrightenOptions(Struct, frozen=True):
    by: int = 1


@stage("brighten")
class Brighten(Stage[BrightenOptions]):
    """Draws: adds to every pixel."""

    Options = BrightenOptions

    def process(self, packet: Packet) -> Packet:
        packet, pixels = self.canvas(packet)
        pixels += self.options.by
        return packet


@stage("forgetful_total")
class ForgetfulTotal(Stage[None]):
    """Counts the detections in all frames so far, in a memory that dies with its process."""

    ordered = True

    def open(self) -> None:
        self.total = 0

    def process(self, packet: Packet) -> Packet:
        self.total += len(packet.detections)
        said: dict[str, Attribute] = {"total": Attribute(str(self.total))}
        return packet.plus([Detection(label="total", box=(0, 0, 1, 1), attributes=said)])


@stage("running_total")
class RunningTotal(ForgetfulTotal):
    """The same, with a memory that it hands out."""

    def memory(self, stream: str) -> bytes:
        return str(self.total).encode()

    def remember(self, stream: str, memory: bytes) -> None:
        self.total = int(memory)


@stage("stream_total")
class StreamTotal(Stage[None]):
    """Sums all scores of a stream so far; hands its memory out."""

    ordered = True

    def open(self) -> None:
        self.totals: dict[str, float] = {}

    def process(self, packet: Packet) -> Packet:
        total = self.totals.get(packet.stream, 0.0) + sum(found.score or 0.0 for found in packet.detections)
        self.totals[packet.stream] = total
        return packet.plus([Detection(label="total", box=(0, 0, 1, 1), score=total)])

    def memory(self, stream: str) -> bytes:
        return str(self.totals[stream]).encode()

    def remember(self, stream: str, memory: bytes) -> None:
        self.totals[stream] = float(memory)


@stage("batched")
class Batched(Stage[None]):
    """Takes frames of all streams together."""

    def process_batch(self, packets: Sequence[Packet]) -> Sequence[Packet]:
        return [packet.plus([Detection(label="seen", box=(0, 0, 1, 1))]) for packet in packets]


class OnFrameOptions(Struct, frozen=True):
    frame: int = 10
    every: int = 0


@stage("crash_on")
class CrashOn(Stage[OnFrameOptions]):
    """Kills its process on one frame, unless MENDED is set."""

    Options = OnFrameOptions

    def process(self, packet: Packet) -> Packet:
        if packet.seq == self.options.frame and "MENDED" not in os.environ:
            os.kill(os.getpid(), signal.SIGKILL)
        return packet


@stage("fail_on")
class FailOn(Stage[OnFrameOptions]):
    """Fails on one frame, or on every n-th."""

    Options = OnFrameOptions

    def process(self, packet: Packet) -> Packet:
        every = self.options.every
        if packet.seq == self.options.frame or (every and packet.seq % every == 0):
            raise ValueError("on purpose")
        return packet


@stage("batch_crash_on")
class BatchCrashOn(Stage[OnFrameOptions]):
    """Takes batches, and kills its process when one holds a certain frame."""

    Options = OnFrameOptions

    def process_batch(self, packets: Sequence[Packet]) -> Sequence[Packet]:
        if self.options.frame in [packet.seq for packet in packets] and "MENDED" not in os.environ:
            os.kill(os.getpid(), signal.SIGKILL)
        return [packet.plus([Detection(label="seen", box=(0, 0, 1, 1))]) for packet in packets]


@stage("drop_odd")
class DropOdd(Stage[None]):
    """A filter."""

    def process(self, packet: Packet) -> Packet:
        return packet.drop("odd") if packet.seq % 2 else packet


class SlowOptions(Struct, frozen=True):
    seconds: float = 0.001


@stage("slow_sink")
class SlowSink(Sink[SlowOptions]):
    """Takes its time; writes nothing."""

    Options = SlowOptions

    def write(self, packet: Packet) -> int:
        time.sleep(self.options.seconds)
        return packet.seq + 1


@stage("slow_stage")
class SlowStage(Stage[SlowOptions]):
    """Work that takes its time."""

    Options = SlowOptions

    def process(self, packet: Packet) -> Packet:
        time.sleep(self.options.seconds)
        return packet


@stage("stuck")
class Stuck(Stage[None]):
    """Never returns from frame 10."""

    def process(self, packet: Packet) -> Packet:
        if packet.seq == 10:
            signal.pause()
        return packet


@stage("sulks")
class Sulks(Stage[None]):
    """Never returns from two frames in fifteen hundred."""

    def process(self, packet: Packet) -> Packet:
        if packet.seq % 700 == 699:
            signal.pause()
        return packet


class SlowNumbersOptions(Struct, frozen=True):
    path: OutputPath = "numbers.txt"
    sleep_s: float = 0.02
    fails_from: int = -1
    fails_s: float = 0.0


@stage("slow_numbers")
class SlowNumbers(Sink[SlowNumbersOptions]):
    """Writes the numbers that pictures show, slowly: each must show one number, and the right one.

    From one frame on, it cannot write for a while.
    """

    Options = SlowNumbersOptions
    may_skip = True

    def open(self) -> None:
        self.path = self.context.out / self.options.path
        self.failing_until = 0.0

    def write(self, packet: Packet) -> int:
        if packet.alive:
            picture = self.picture(packet)
            first = int(picture[0, 0, 0])
            time.sleep(self.options.sleep_s)
            if not (picture == first).all() or first != packet.seq % 256:
                raise StageError(f"frame {packet.seq} shows {first}, or more than that")
            with self.path.open("a") as file:
                file.write(f"{packet.seq}\n")
        if packet.seq >= self.options.fails_from >= 0:
            self.failing_until = self.failing_until or time.monotonic() + self.options.fails_s
            if time.monotonic() < self.failing_until:
                raise OSError(errno.EIO, "on purpose", str(self.path))
        return packet.seq + 1

    def resume(self, stream: str, mark: int) -> None:
        # It may be killed here, too.
        numbers = self.path.read_text().split() if self.path.exists() else []
        new = self.path.with_suffix(".new")
        new.write_text("".join(f"{number}\n" for number in numbers if int(number) < mark))
        new.replace(self.path)


@stage("broken_open")
class BrokenOpen(Stage[None]):
    """Cannot be opened."""

    def open(self) -> None:
        raise StageError("the lamp is not lit; light it")


@stage("starter")
class Starter(Stage[None]):
    """Starts a program that outlives the run by a while, with all descriptors that it may have."""

    def open(self) -> None:
        quiet = subprocess.DEVNULL
        subprocess.Popen(["sleep", "20"], close_fds=False, start_new_session=True, stdout=quiet, stderr=quiet)

    def process(self, packet: Packet) -> Packet:
        return packet


class DoorOptions(Struct, frozen=True):
    fifo: str


@stage("door")
class Door(Stage[DoorOptions]):
    """Opens when somebody writes to a named pipe."""

    Options = DoorOptions

    def open(self) -> None:
        os.close(os.open(self.options.fifo, os.O_RDONLY))

    def process(self, packet: Packet) -> Packet:
        return packet


@stage("tell_threads")
class TellThreads(Stage[None]):
    """Puts its number of threads into the summary."""

    def open(self) -> None:
        self.context.facts["threads"] = str(self.context.threads)

    def process(self, packet: Packet) -> Packet:
        return packet
