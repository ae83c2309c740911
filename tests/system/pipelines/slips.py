"""Stages whose author has made a mistake."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from msgspec import Struct

from framewire.pipeline.frame.packet import Attribute, Detection, Packet
from framewire.pipeline.frame.shot import Shot
from framewire.pipeline.option import OutputPath
from framewire.pipeline.stage import Sink, Source, Stage, StageError, stage

FACE = Detection(label="face", box=(1, 2, 3, 4))


def _leave() -> None:
    sys.exit(0)


def _raise(error: type[BaseException]) -> Callable[[], None]:
    def slip() -> None:
        raise error

    return slip


class OwnError(BaseException):
    """Not even an Exception."""


RAISED: dict[str, Callable[[], None]] = {
    "SystemExit": _leave,
    "KeyboardInterrupt": _raise(KeyboardInterrupt),
    "GeneratorExit": _raise(GeneratorExit),
    "OwnError": _raise(OwnError),
}
GIVEN: dict[str, dict[str, Any]] = {
    "label": {"label": 5},
    "surrogate": {"label": "\ud800"},
    "score": {"score": "0.5"},
    "nan": {"score": float("nan")},
    "box of three": {"box": (1, 2, 3)},
    "no box": {"box": None},
    "infinite box": {"box": (1, 2, 3, float("inf"))},
    "attributes": {"attributes": {"mood": "calm"}},
    "track": {"track": 2**80},
}
TAKEN: dict[str, Any] = {
    "score": np.float32(0.5),
    "box": np.array([1, 2, 3, 4]),
    "landmarks": np.zeros((5, 2)),
    "track": np.int64(3),
    "label": np.str_("face"),
    "attributes": {"mood": Attribute("calm", np.float32(0.5))},  # type: ignore[arg-type]
}


class SlipOptions(Struct, frozen=True):
    what: str = ""
    frame: int = 5


@stage("slip")
class Slip(Stage[SlipOptions]):
    """Makes one mistake on one frame; numbers of NumPy on all."""

    Options = SlipOptions

    def process(self, packet: Packet) -> Packet:
        what = self.options.what
        if packet.seq == self.options.frame and what in RAISED:
            RAISED[what]()
        if packet.seq == self.options.frame and what == "too large":
            return packet.plus([FACE] * 500_000)
        fields = GIVEN[what] if packet.seq == self.options.frame and what in GIVEN else TAKEN
        face = Detection(**{"label": "face", "box": (1, 2, 3, 4), **fields})
        return packet.plus([face])


@stage("slip_in_open")
class SlipInOpen(Slip):
    """Makes it before the first frame."""

    def open(self) -> None:
        RAISED[self.options.what]()


@stage("wanderer")
class Wanderer(Stage[None]):
    """Changes the working directory, as many a library does."""

    def open(self) -> None:
        os.chdir("/")

    def process(self, packet: Packet) -> Packet:
        os.chdir("/tmp")
        return packet


class ParentOptions(Struct, frozen=True):
    told: str = ""


@stage("parent")
class Parent(Stage[ParentOptions]):
    """Starts a program that never ends, and forgets it."""

    Options = ParentOptions

    def open(self) -> None:
        child = subprocess.Popen(["sleep", "1000"])
        with open(self.options.told, "a") as told:  # noqa: PTH123
            told.write(f"{child.pid}\n")


@stage("forgets_its_memory")
class BadMemory(Stage[None]):
    """Hands out a memory that is none."""

    ordered = True

    def process(self, packet: Packet) -> Packet:
        return packet

    def memory(self, stream: str) -> bytes:
        return "text"  # type: ignore[return-value]

    def remember(self, stream: str, memory: bytes) -> None:
        pass


class SlipSinkOptions(Struct, frozen=True):
    frame: int = 7
    path: OutputPath = "numbers.txt"
    holds: int = 1


@stage("slip_sink")
class SlipSink(Sink[SlipSinkOptions]):
    """Writes the numbers of frames, `holds` at a time, and fails on one."""

    Options = SlipSinkOptions
    looks = False

    def open(self) -> None:
        self.path = self.context.out / "numbers.txt"
        self.held: list[int] = []
        self.mark = 0

    def write(self, packet: Packet) -> int:
        if packet.seq == self.options.frame and packet.alive:
            raise ValueError("on purpose")
        self.held.append(packet.seq)
        if len(self.held) >= self.options.holds:
            self._write()
            self.mark = packet.seq + 1
        return self.mark

    def end(self, packet: Packet) -> None:
        self._write()

    def resume(self, stream: str, mark: int) -> None:
        self.held, self.mark = [], mark
        numbers = self.path.read_text().split() if self.path.exists() else []
        self.path.write_text("".join(f"{number}\n" for number in numbers if int(number) < mark))

    def _write(self) -> None:
        with self.path.open("a") as file:
            file.writelines(f"{number}\n" for number in self.held)
        self.held = []


class OddSourceOptions(Struct, frozen=True):
    what: str = ""


DESCRIBED: dict[str, dict[str, Any]] = {
    "description": {"description": 5},
    "height": {"height": "tall"},
    "width": {"width": -3},
    "expected": {"expected": 2.5},
}
SHOT: dict[str, dict[str, Any]] = {
    "failed": {"failed": ValueError("no")},
    "replaced": {"replaced": -1},
    "pts": {"pts": 0.5},
}


@stage("odd_source")
class OddSource(Source[OddSourceOptions]):
    """Makes one mistake in what it says of itself; NumPy's numbers everywhere."""

    Options = OddSourceOptions

    def stream(self) -> str:
        return 5 if self.options.what == "stream" else self.context.name  # type: ignore[return-value]

    def frames(self, start: int) -> Iterator[Shot]:
        described = {"description": "odd", "height": np.int64(48), "width": np.uint16(64), "expected": np.int32(60)}
        self.describe(**{**described, **DESCRIBED.get(self.options.what, {})})
        for number in range(start, 60):
            self.slot(48, 64)[...] = number
            mistake = SHOT.get(self.options.what, {}) if number == 5 else {}
            yield Shot(
                **{"pts": number, "time_base": (1, 25), "damaged": np.bool_(True), "cut": np.bool_(True), **mistake}
            )
        if self.options.what == "cut_short":
            self.cut_short = ValueError("no")  # type: ignore[assignment]


@stage("odd_words")
class OddWords(Slip):
    """Says of itself what is no text, or not only."""

    def open(self) -> None:
        self.context.facts[3] = 5  # type: ignore[index, assignment]
        self.context.chosen["what"] = "\ud800" if self.options.what else 5  # type: ignore[assignment]
        self.log.warning("a lone surrogate: %s", "\ud800")
        self.log.warning("no number: %d", "x")
        if self.options.what == "error":
            raise StageError("a lone surrogate: \ud800")
