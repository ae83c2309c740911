"""count: people in view, arrivals, line crossings and zones, as events on the frames where they happen."""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta, Struct

from framewire.pipeline.frame.packet import Detection, Event, Packet
from framewire.pipeline.option import Labels, labels_of
from framewire.pipeline.stage import Stage, StageError, stage
from framewire.stages.count.geometry import Anchor, Point, anchor_of, crossed, inside

MINUTE_S = 60.0
Fraction = Annotated[float, Meta(ge=0, le=1)]
Place = tuple[Fraction, Fraction]


class CountOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to count; coordinates are picture fractions: 0, 0 top left, 1, 1 bottom right."""

    of: Annotated[Labels, Meta(description="Label of the tracked detections to count, or a list of labels")] = "face"
    lines: Annotated[
        dict[str, tuple[Place, Place]],
        Meta(description="{door: [[0.5, 0], [0.5, 1]]}: crossings are `right` or `left`, as seen from start to end"),
    ] = {}
    zones: Annotated[
        dict[str, list[Place]], Meta(description="{queue: [[0, 0.5], [1, 0.5], [1, 1], [0, 1]]}: polygons")
    ] = {}
    anchor: Annotated[
        Anchor, Meta(description="Which point of a box counts: its middle, or the middle of its lower edge")
    ] = "middle"
    gap_s: Annotated[float, Meta(gt=0, le=3600, description="A track unseen for this many seconds has left")] = 2.0


class Visit(Struct):
    """One track: when first and last seen (stream seconds), where, and when it entered its current zones."""

    came: float
    seen: float
    at: Point
    zones: dict[str, float] = {}


class Seen(Struct):
    """State of a stream: who is in view, and how many arrived in its minute number `minute`."""

    visits: dict[int, Visit] = {}
    minute: int = 0
    arrivals: int = 0


@stage("count")
class Count(Stage[CountOptions]):
    """Report who arrives, leaves, crosses a line, enters or exits a zone. Needs `track` before it.

    A frame gets an event `in_view`, whose value is how many there are, when that changes. `came` and `left` mark the
    first and last frame of a track, `left` with its seconds in view; `crossed` names the line and the direction;
    `entered` and `exited` the zone, the latter with the seconds. At the end of each minute of the stream comes
    `arrivals`, whose value is how many came in it.

    Example:
        counted: {use: count, input: tracks, lines: {door: [[0.5, 0], [0.5, 1]]}}
    """

    Options = CountOptions
    ordered = True
    looks = False
    needs: ClassVar[Mapping[str, str]] = {"tracks": "track"}

    def open(self) -> None:
        """Check that lines have a length and zones an area."""
        self._seen: dict[str, Seen] = {}
        self._labels = labels_of(self.options.of)
        for name, (start, end) in self.options.lines.items():
            if start == end:
                raise StageError(f"the line {name} begins and ends at {start}; give it two different points")
        for name, zone in self.options.zones.items():
            if len(zone) < 3:
                raise StageError(f"the zone {name} has {len(zone)} points; a polygon has at least three")

    def process(self, packet: Packet) -> Packet:
        """Add the events of this frame."""
        seen = self._seen.setdefault(packet.stream, Seen())
        visits = seen.visits
        before = len(visits)
        events = list(_minutes(seen, packet.time))
        for one in packet.labelled(*self._labels):
            if one.track is not None:
                events += self._visit(visits, one.track, self._anchor(one, packet), packet.time)
        seen.arrivals += sum(event.kind == "came" for event in events)
        events += self._left(visits, packet.time)
        if len(visits) != before or packet.seq == 0:
            events.append(Event("in_view", value=float(len(visits))))
        return packet.with_events(events)

    def memory(self, stream: str) -> bytes:
        """See Stage."""
        return msgspec.msgpack.encode(self._seen.get(stream, Seen()))

    def remember(self, stream: str, memory: bytes) -> None:
        """See Stage."""
        self._seen[stream] = msgspec.msgpack.decode(memory, type=Seen)

    def _anchor(self, one: Detection, packet: Packet) -> Point:
        x, y = anchor_of(one.box, self.options.anchor)
        return x / max(1, packet.width), y / max(1, packet.height)

    def _visit(self, visits: dict[int, Visit], track: int, at: Point, now: float) -> Iterator[Event]:
        visit = visits.get(track)
        if visit is None:
            visit = visits[track] = Visit(now, now, at)
            yield Event("came", track=track)
        for name, line in self.options.lines.items():
            way = crossed(line, visit.at, at)
            if way:
                direction = "right" if way > 0 else "left"
                yield Event("crossed", f"{name} {direction}", track, direction=direction)
        yield from self._zones(visit, track, at, now)
        visit.at, visit.seen = at, now

    def _zones(self, visit: Visit, track: int, at: Point, now: float) -> Iterator[Event]:
        for name, zone in self.options.zones.items():
            here = inside(zone, at)
            if here and name not in visit.zones:
                visit.zones[name] = now
                yield Event("entered", name, track)
            elif not here and name in visit.zones:
                yield Event("exited", name, track, round(now - visit.zones.pop(name), 3))

    def _left(self, visits: dict[int, Visit], now: float) -> Iterator[Event]:
        for track in [track for track, visit in visits.items() if now - visit.seen > self.options.gap_s]:
            visit = visits.pop(track)
            for name, since in visit.zones.items():
                yield Event("exited", name, track, round(visit.seen - since, 3))
            yield Event("left", track=track, value=round(visit.seen - visit.came, 3))


def _minutes(seen: Seen, now: float) -> Iterator[Event]:
    """An event for the minute just ended; minutes skipped by a jump in time get none."""
    if now >= MINUTE_S * (seen.minute + 1):
        yield Event("arrivals", value=float(seen.arrivals))
        seen.minute, seen.arrivals = int(now // MINUTE_S), 0
