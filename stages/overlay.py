"""overlay: draws where tracks came from, and the lines and zones that `count` watches, with what was counted."""

from typing import Annotated, ClassVar

import cv2
import msgspec
import numpy as np
from msgspec import Meta, Struct

from framewire.pipeline.frame.packet import Event, Packet
from framewire.pipeline.frame.ring import Pixels
from framewire.pipeline.option import InputFile, Labels, labels_of
from framewire.pipeline.stage import Stage, StageError, stage
from framewire.stages.annotate.colors import Bgr, bgr_of, color_for
from framewire.stages.annotate.lettering import Lettering, write_on_glass
from framewire.stages.count.count import Place
from framewire.stages.count.geometry import Anchor, Point, anchor_of

LINES = 360
"""Picture rows for each pixel of a line's width."""
TEXT = 40
"""A figure's font is 1/40 of the picture's height."""
TEXT_MIN_PX = 11
WHITE: Bgr = (255, 255, 255)
TINT = 0.18
"""How much of a zone is its colour."""
NEAR = 0.06
"""Where on a line its figures stand: so far from its beginning, as a share."""
POINTS_MAX = 600
"""Points that are kept of a track, whatever its rate: ten seconds of 60 frames."""


class OverlayOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to draw; places are fractions of the picture, as in `count`."""

    trace_s: Annotated[
        float, Meta(ge=0, le=600, description="Draw the path of each track over this many seconds; 0: none")
    ] = 2.0
    of: Annotated[Labels | None, Meta(description="Labels whose tracks have traces; default: all")] = None
    anchor: Annotated[
        Anchor, Meta(description="Which point of a box leaves the trace: its middle, or the middle of its lower edge")
    ] = "middle"
    lines: Annotated[
        dict[str, tuple[Place, Place]],
        Meta(description="Lines of the `count` stage before it: drawn with the crossings each way"),
    ] = {}
    zones: Annotated[
        dict[str, list[Place]], Meta(description="Zones of the `count` stage before it: drawn with how many are inside")
    ] = {}
    color: Annotated[str, Meta(pattern="^#[0-9a-fA-F]{6}$", description="Line and zone colour, #rrggbb")] = "#f0e442"
    font: Annotated[InputFile, Meta(description="A .ttf, .otf or .ttc file; default: Pillow's own")] = ""


class Trace(Struct):
    """Where a track was: x and y in pixels, and when, in seconds of the stream."""

    points: list[Point]
    times: list[float]


class Drawn(Struct):
    """The state of one stream: traces by track, crossings by `LINE DIRECTION`, and how many are in each zone."""

    traces: dict[int, Trace] = {}
    crossed: dict[str, int] = {}
    inside: dict[str, int] = {}


@stage("overlay")
class Overlay(Stage[OverlayOptions]):
    """Draw traces, lines, zones and their counts into a copy of the picture. Give it the lines and zones of `count`.

    Example:
        shown: {use: overlay, input: counted, trace_s: 3, lines: {door: [[0.5, 0], [0.5, 1]]}}
    """

    Options = OverlayOptions
    ordered = True
    needs: ClassVar[dict[str, str]] = {"tracks": "track"}

    def open(self) -> None:
        """Load the font."""
        options = self.options
        self._streams: dict[str, Drawn] = {}
        self._labels = labels_of(options.of) if options.of is not None else None
        self._color = bgr_of(options.color)
        for name, zone in options.zones.items():
            if len(zone) < 3:
                raise StageError(f"the zone {name} has {len(zone)} points; a polygon has at least three")
        self._lettering = Lettering(options.font)

    def process(self, packet: Packet) -> Packet:
        """Draw."""
        drawn = self._streams.setdefault(packet.stream, Drawn())
        for event in packet.events:
            _count(drawn, event)
        self._follow(drawn, packet)
        packet, pixels = self.canvas(packet)
        for name, zone in self.options.zones.items():
            self._zone(pixels, name, zone, drawn)
        for number, trace in drawn.traces.items():
            self._trace(pixels, trace, color_for(number))
        for name, line in self.options.lines.items():
            self._line(pixels, name, line, drawn)
        return packet

    def memory(self, stream: str) -> bytes:
        """See Stage."""
        return msgspec.msgpack.encode(self._streams.get(stream, Drawn()))

    def remember(self, stream: str, memory: bytes) -> None:
        """See Stage."""
        self._streams[stream] = msgspec.msgpack.decode(memory, type=Drawn)

    def _follow(self, drawn: Drawn, packet: Packet) -> None:
        """Add this frame's places to the traces, and drop what is too old."""
        since = packet.time - self.options.trace_s
        if packet.cut or not self.options.trace_s:
            drawn.traces.clear()
        wanted = packet.detections if self._labels is None else packet.labelled(*self._labels)
        if self.options.trace_s:
            for one in wanted:
                if one.track is not None:
                    trace = drawn.traces.setdefault(one.track, Trace([], []))
                    x, y = anchor_of(one.box, self.options.anchor)
                    trace.points.append((round(x, 1), round(y, 1)))
                    trace.times.append(packet.time)
        for number, trace in list(drawn.traces.items()):
            old = next((place for place, at in enumerate(trace.times) if at >= since), len(trace.times))
            old = max(old, len(trace.times) - POINTS_MAX)
            del trace.points[:old], trace.times[:old]
            if not trace.points:
                del drawn.traces[number]

    def _trace(self, pixels: Pixels, trace: Trace, color: Bgr) -> None:
        if len(trace.points) > 1:
            points = np.rint(np.array(trace.points)).astype(np.int32)
            cv2.polylines(pixels, [points], False, color, _width(pixels), cv2.LINE_AA)

    def _line(self, pixels: Pixels, name: str, line: tuple[Place, Place], drawn: Drawn) -> None:
        start, end = (_pixel(place, pixels) for place in line)
        cv2.line(pixels, start, end, self._color, _width(pixels), cv2.LINE_AA)
        right, left = (drawn.crossed.get(f"{name} {way}", 0) for way in ("right", "left"))
        # Near its beginning: in the middle people cross it.
        at = (round(start[0] + NEAR * (end[0] - start[0])), round(start[1] + NEAR * (end[1] - start[1])))
        self._plate(pixels, f"{name}  right {right}  left {left}", at)

    def _zone(self, pixels: Pixels, name: str, zone: list[Place], drawn: Drawn) -> None:
        corners = np.array([_pixel(place, pixels) for place in zone], np.int32)
        left, top, width, height = cv2.boundingRect(corners)
        part = pixels[max(0, top) : top + height, max(0, left) : left + width]
        tinted = part.copy()
        cv2.fillPoly(tinted, [corners - (max(0, left), max(0, top))], self._color)
        part[...] = cv2.addWeighted(part, 1 - TINT, tinted, TINT, 0)
        cv2.polylines(pixels, [corners], True, self._color, _width(pixels), cv2.LINE_AA)
        self._plate(pixels, f"{name}  {drawn.inside.get(name, 0)}", (left + width // 2, top + height // 2))

    def _plate(self, pixels: Pixels, text: str, middle: tuple[int, int]) -> None:
        """A figure on dark glass around a point, moved into the picture; left out where that is too small."""
        px = max(TEXT_MIN_PX, pixels.shape[0] // TEXT)
        letters = self._lettering.line(text, px, WHITE)
        pad = px // 3
        width, height = letters.size[0] + 2 * pad, letters.size[1] + pad
        if width > pixels.shape[1] or height > pixels.shape[0]:
            return
        left = max(0, min(middle[0] - width // 2, pixels.shape[1] - width))
        top = max(0, min(middle[1] - height // 2, pixels.shape[0] - height))
        region = pixels[top : top + height, left : left + width]
        write_on_glass(region, letters, (pad, pad // 2))


def _count(drawn: Drawn, event: Event) -> None:
    if event.kind == "crossed":
        drawn.crossed[event.where] = drawn.crossed.get(event.where, 0) + 1
    elif event.kind in ("entered", "exited"):
        now = drawn.inside.get(event.where, 0) + (1 if event.kind == "entered" else -1)
        drawn.inside[event.where] = max(0, now)


def _pixel(place: Place, pixels: Pixels) -> tuple[int, int]:
    return round(place[0] * (pixels.shape[1] - 1)), round(place[1] * (pixels.shape[0] - 1))


def _width(pixels: Pixels) -> int:
    return max(1, round(pixels.shape[0] / LINES))
