"""Stages that do nothing, so that only the engine is measured."""

import time
from collections.abc import Iterator

from msgspec import Struct

from framewire.pipeline.frame.packet import Packet
from framewire.pipeline.frame.shot import Shot
from framewire.pipeline.stage import Sink, Source, Stage, stage


class BlankOptions(Struct, frozen=True):
    """How many pictures, and how large."""

    count: int = 5000
    width: int = 1920
    height: int = 1080
    write: bool = True
    rate: float = 0.0
    """Pictures a second; 0: unthrottled."""


@stage("blank")
class Blank(Source[BlankOptions]):
    """Pictures of one colour, each written once; or not written at all."""

    Options = BlankOptions

    def frames(self, start: int) -> Iterator[Shot]:
        """Make them."""
        options = self.options
        self.describe("blank", options.height, options.width, options.count)
        began = time.monotonic()
        for number in range(start, options.count):
            if options.rate:
                time.sleep(max(0.0, began + number / options.rate - time.monotonic()))
            pixels = self.slot(options.height, options.width)
            if options.write:
                pixels[...] = number % 256
            yield Shot(number, (1, 30), (30, 1))


@stage("look")
class Look(Stage[None]):
    """Takes a view of the picture and reads one pixel, the least a stage does."""

    def process(self, packet: Packet) -> Packet:
        """Look."""
        self.picture(packet)[0, 0]
        return packet


@stage("gone")
class Gone(Sink[None]):
    """Settles at once."""

    def write(self, packet: Packet) -> int:
        """Settle."""
        return packet.seq + 1
