"""Two fields of an interlaced frame become one whole picture, by FFmpeg's bwdif."""

from collections import deque
from collections.abc import Iterator
from fractions import Fraction

import av.error
from av.filter import Graph
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from msgspec import Struct

from framewire.stages.capture.inputs.film.decoder import Decoded

FILTER, HOW = "bwdif", "mode=send_frame:deint=interlaced"
"""One picture for each frame; frames that are not interlaced stay as they are."""


class _Place(Struct):
    """Where a picture belongs that is still in the filter, or is missing."""

    decoded: Decoded
    is_there: bool


def deinterlaced(frames: Iterator[Decoded], stream: VideoStream) -> Iterator[Decoded]:
    """The same frames without combs; what is missing stays in its place. The filter gives each a frame later."""
    graph = Graph()
    source = graph.add_buffer(template=stream, time_base=stream.time_base or Fraction(1, 1000))
    comb, sink = graph.add(FILTER, HOW), graph.add("buffersink")
    source.link_to(comb)
    comb.link_to(sink)
    graph.configure()
    places: deque[_Place] = deque()
    for decoded in frames:
        places.append(_Place(decoded, decoded.frame is None))
        if decoded.frame is not None:
            graph.push(decoded.frame)
            yield from _out(graph, places)
    graph.push(None)
    yield from _out(graph, places)
    yield from (place.decoded for place in places if place.is_there)


def _out(graph: Graph, places: deque[_Place]) -> Iterator[Decoded]:
    while (frame := _pulled(graph)) is not None:
        place = next(place for place in places if not place.is_there)
        place.decoded, place.is_there = Decoded(place.decoded.pts, place.decoded.unit, frame), True
    while places and places[0].is_there:
        yield places.popleft().decoded


def _pulled(graph: Graph) -> VideoFrame | None:
    try:
        frame = graph.pull()
    except (av.error.BlockingIOError, av.error.EOFError):
        return None
    assert isinstance(frame, VideoFrame)
    return frame
