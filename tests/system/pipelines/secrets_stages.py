"""A film in which everybody has the same secret face, a detector that slips, and a sink that looks for the face."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from msgspec import Struct

from framewire.pipeline.frame.packet import Detection, Packet
from framewire.pipeline.frame.shot import Shot
from framewire.pipeline.stage import Sink, Source, Stage, stage

HEIGHT, WIDTH = 96, 128
FACE = (40, 24, 48, 40)
"""x, y, width, height."""
SECRET = np.random.default_rng(7).integers(0, 256, (FACE[3], FACE[2], 3), np.uint8)
PIECES = [SECRET[row].tobytes() for row in range(FACE[3])]
"""What must be nowhere: the rows of the face."""


def shown_in(content: bytes) -> bool:
    """Whether any row of the face is in there."""
    return any(piece in content for piece in PIECES)


class PeopleOptions(Struct, frozen=True):
    count: int = 60


@stage("people")
class People(Source[PeopleOptions]):
    Options = PeopleOptions

    def frames(self, start: int) -> Iterator[Shot]:
        self.describe("people", HEIGHT, WIDTH, self.options.count)
        x, y, width, height = FACE
        for number in range(start, self.options.count):
            place = self.slot(HEIGHT, WIDTH)
            place[...] = number % 256
            place[y : y + height, x : x + width] = SECRET
            yield Shot(number, (1, 25), (25, 1))


@stage("finds_faces")
class FindsFaces(Stage[None]):
    """Finds the face in most frames; raises in some, says nothing of some, kills itself over one."""

    def process(self, packet: Packet) -> Packet:
        if packet.seq % 10 == 3:
            raise ValueError("on purpose")
        if packet.seq == 21:
            os.kill(os.getpid(), signal.SIGKILL)
        if packet.seq % 10 == 7:
            return packet
        if packet.seq % 10 == 8:
            return packet.with_search("face")
        x, y, width, height = FACE
        return packet.plus([Detection(label="face", box=(x, y, width, height))]).with_search("face")


@stage("dies_behind")
class DiesBehind(Stage[None]):
    """Behind the stage that hides: kills itself over one frame."""

    def process(self, packet: Packet) -> Packet:
        self.picture(packet)
        if packet.seq == 30:
            os.kill(os.getpid(), signal.SIGKILL)
        return packet


class LooksOptions(Struct, frozen=True):
    path: str = "seen.txt"


@stage("looks_everywhere")
class LooksEverywhere(Sink[LooksOptions]):
    """Looks for the face in all of every ring that a packet points to, and notes in which frames it is."""

    Options = LooksOptions

    def write(self, packet: Packet) -> int:
        for ref in packet.pictures.values():
            ring = Path(f"/proc/{ref.pid}/fd/{ref.fd}").read_bytes()
            if shown_in(ring):
                with Path(self.context.out, self.options.path).open("a") as file:
                    file.write(f"{packet.seq}\n")
        with Path(self.context.out, "looked.txt").open("a") as file:
            file.write(f"{packet.seq} {len(packet.pictures)}\n")
        return packet.seq + 1
