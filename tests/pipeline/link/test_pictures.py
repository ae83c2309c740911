"""A picture crosses a link once, is written once, and is forgotten when its frame is settled."""

import numpy as np
import pytest

from framewire.pipeline.frame.packet import Packet, PictureRef
from framewire.pipeline.frame.ring import Pixels, RingReader, StreamRings
from framewire.pipeline.link.carriage import LinkMisheardError
from framewire.pipeline.link.codec import Raw
from framewire.pipeline.link.exports import Exports
from framewire.pipeline.link.imports import Imports

WINDOW = 4


def picture(number: int, height: int = 6, width: int = 5) -> Pixels:
    return np.full((height, width, 3), number, np.uint8)


def made(rings: StreamRings, seq: int, pixels: Pixels) -> PictureRef:
    target, ref = rings.begin(seq, max(0, seq - WINDOW + 1), *pixels.shape)
    target[...] = pixels
    rings.finish(seq)
    return ref


def sent(pixels: Pixels) -> memoryview:
    return memoryview(pixels.tobytes())


def test_it_is_the_same_picture_and_its_origin_is_known() -> None:
    imports, reader, origin = Imports(Raw()), RingReader(), StreamRings(WINDOW)
    for seq in range(3 * WINDOW):
        there = made(origin, seq, picture(seq))
        here = imports.take("door", WINDOW, max(0, seq - WINDOW + 1), there, sent(picture(seq)))
        assert here.ring != there.ring
        assert (reader.view(here) == seq).all()
        assert imports.origin(here) == there
    imports.close()


def test_it_is_written_once() -> None:
    imports, origin = Imports(Raw()), StreamRings(WINDOW)
    there = made(origin, 0, picture(1))
    here = imports.take("door", WINDOW, 0, there, sent(picture(1)))
    assert imports.take("door", WINDOW, 0, there, sent(picture(2))) == here
    assert imports.take("door", WINDOW, 0, there, None) == here
    assert (RingReader().view(here) == 1).all()


def test_one_that_was_never_sent_or_does_not_fit_is_refused() -> None:
    imports, origin = Imports(Raw()), StreamRings(WINDOW)
    there = made(origin, 0, picture(1))
    with pytest.raises(LinkMisheardError, match="not sent"):
        imports.take("door", WINDOW, 0, there, None)
    with pytest.raises(LinkMisheardError, match="bytes"):
        imports.take("door", WINDOW, 0, there, memoryview(b"short"))


def test_a_ring_that_is_gone_at_its_origin_goes_here_too() -> None:
    imports = Imports(Raw())
    refs = []
    for life in range(10):
        origin = StreamRings(WINDOW)
        seq = life * WINDOW
        there = made(origin, seq, picture(life))
        refs.append(imports.take("door", WINDOW, seq, there, sent(picture(life))))
        origin.close()
    assert sum(imports.origin(ref) is not None for ref in refs) <= 2
    assert imports.origin(refs[-1]) is not None


def test_larger_pictures_get_a_larger_ring() -> None:
    imports, reader, origin = Imports(Raw()), RingReader(), StreamRings(WINDOW)
    small = imports.take("door", WINDOW, 0, made(origin, 0, picture(1)), sent(picture(1)))
    large = picture(2, 60, 50)
    big = imports.take("door", WINDOW, 0, made(origin, 1, large), sent(large))
    assert (reader.view(small) == 1).all()
    assert reader.view(big).shape == (60, 50, 3)


def test_pixels_go_with_the_first_packet_of_an_epoch() -> None:
    exports, ref = Exports(), made(StreamRings(WINDOW), 5, picture(1))
    packet = Packet(source="door", stream="door", seq=5, window=WINDOW)
    exports.epoch("door", 1)
    assert exports.is_new(packet, ref)
    assert not exports.is_new(packet, ref)
    exports.epoch("door", 1)
    assert not exports.is_new(packet, ref)
    exports.epoch("door", 2)
    assert exports.is_new(packet, ref)


def test_what_is_remembered_of_a_long_stream_is_a_few_windows() -> None:
    exports, rings = Exports(), StreamRings(WINDOW)
    exports.epoch("door", 1)
    for seq in range(1000):
        packet = Packet(source="door", stream="door", seq=seq, window=WINDOW, mark=max(0, seq - WINDOW))
        assert exports.is_new(packet, made(rings, seq, picture(seq % 200)))
    assert len(exports._sent["door"]) <= 5 * WINDOW
