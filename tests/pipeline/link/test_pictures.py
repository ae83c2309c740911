"""A picture crosses a link once, is written once, and is forgotten when its frame is settled."""

import cv2
import numpy as np
import pytest

from framewire.pipeline.frame.packet import Packet, PictureRef
from framewire.pipeline.frame.ring import PictureLostError, Pixels, RingReader, StreamRings
from framewire.pipeline.link.carriage import LinkMisheardError, Picture
from framewire.pipeline.link.codec import Codec, Raw
from framewire.pipeline.link.exports import Exports
from framewire.pipeline.link.imports import Imports
from framewire.pipeline.link.landing import Landing
from framewire.stages.jpeg_codec import JpegCodec

WINDOW = 4


def picture(number: int, height: int = 6, width: int = 5) -> Pixels:
    return np.full((height, width, 3), number, np.uint8)


def made(rings: StreamRings, seq: int, pixels: Pixels) -> PictureRef:
    target, ref = rings.begin(seq, max(0, seq - WINDOW + 1), *pixels.shape)
    target[...] = pixels
    rings.finish(seq)
    return ref


def take(
    imports: Imports, mark: int, there: PictureRef, pixels: Pixels | None, codec: Codec | None = None
) -> PictureRef:
    """One picture comes; None if it was not sent."""
    packet = Packet(source="door", stream="door", seq=there.seq, window=WINDOW, mark=mark)
    pictures, landing = [Picture("frame", there, pixels=pixels is not None)], Landing(imports, codec or Raw())
    if pixels is not None:
        coded = memoryview((codec or Raw()).encode(pixels)).cast("B")
        (place,) = landing.place(packet, pictures, [coded.nbytes])
        if place is not None:
            place[:] = coded
    return landing.take(packet, pictures)["frame"]


def test_it_is_the_same_picture_and_its_origin_is_known() -> None:
    imports, reader, origin = Imports(), RingReader(), StreamRings(WINDOW)
    for seq in range(3 * WINDOW):
        there = made(origin, seq, picture(seq))
        here = take(imports, max(0, seq - WINDOW + 1), there, picture(seq))
        assert here.ring != there.ring
        assert (reader.view(here) == seq).all()
        assert imports.origin(here) == there
    imports.close()


def test_it_is_written_once() -> None:
    imports, origin = Imports(), StreamRings(WINDOW)
    there = made(origin, 0, picture(1))
    here = take(imports, 0, there, picture(1))
    assert take(imports, 0, there, picture(2)) == here
    assert take(imports, 0, there, None) == here
    assert (RingReader().view(here) == 1).all()


def test_one_that_was_never_sent_or_does_not_fit_is_refused() -> None:
    imports, origin = Imports(), StreamRings(WINDOW)
    there = made(origin, 0, picture(1))
    with pytest.raises(LinkMisheardError, match="not sent"):
        take(imports, 0, there, None)
    with pytest.raises(LinkMisheardError, match="has 54 bytes, not 90"):
        take(imports, 0, there, picture(1, height=6, width=3))
    assert imports.here(there) is None


def test_more_or_fewer_pictures_than_are_listed_are_refused() -> None:
    imports, origin = Imports(), StreamRings(WINDOW)
    there = made(origin, 0, picture(1))
    packet = Packet(source="door", stream="door", seq=0, window=WINDOW)
    landing = Landing(imports, Raw())
    for sizes in ([], [90, 90]):
        assert landing.place(packet, [Picture("frame", there, pixels=True)], sizes) == [None] * len(sizes)
        with pytest.raises(LinkMisheardError, match="pictures came"):
            landing.take(packet, [Picture("frame", there, pixels=True)])


def test_one_whose_slot_holds_a_later_frame_is_refused() -> None:
    imports, origin = Imports(), StreamRings(WINDOW)
    early = made(origin, 1, picture(1))
    take(imports, WINDOW, made(origin, 1 + WINDOW, picture(2)), picture(2))
    with pytest.raises(PictureLostError):
        take(imports, WINDOW, early, picture(1))


@pytest.mark.parametrize("shape", [(48, 64, 3), (48, 64)])
def test_jpeg_is_nearly_the_same_picture(shape: tuple[int, ...]) -> None:
    imports, rings = Imports(), StreamRings(WINDOW)
    pixels = np.broadcast_to(np.arange(0, 240, 5, dtype=np.uint8).reshape(48, *[1] * (len(shape) - 1)), shape).copy()
    target, there = rings.begin(0, 0, 48, 64, 1 if len(shape) == 2 else 3)
    target[...] = pixels
    here = take(imports, 0, there, pixels, JpegCodec())
    shown = RingReader().view(here)
    assert shown.shape == shape
    assert np.abs(shown.astype(int) - pixels).max() <= 4


def test_what_is_no_jpeg_is_refused() -> None:
    imports, origin = Imports(), StreamRings(WINDOW)
    there = made(origin, 0, picture(1))
    packet = Packet(source="door", stream="door", seq=0, window=WINDOW)
    landing = Landing(imports, JpegCodec())
    for junk in (b"no picture", bytes(cv2.imencode(".jpg", picture(1, 7, 7))[1])):
        (place,) = landing.place(packet, [Picture("frame", there, pixels=True)], [len(junk)])
        assert place is not None
        place[:] = junk
        with pytest.raises(ValueError, match="no JPEG of its size"):
            landing.take(packet, [Picture("frame", there, pixels=True)])
    assert landing.place(packet, [Picture("frame", there, pixels=True)], [10**6]) == [None]
    with pytest.raises(ValueError, match="1000000 bytes"):
        landing.take(packet, [Picture("frame", there, pixels=True)])
    assert imports.here(there) is None


def test_a_ring_that_is_gone_at_its_origin_goes_here_too() -> None:
    imports = Imports()
    refs = []
    for life in range(10):
        origin = StreamRings(WINDOW)
        seq = life * WINDOW
        there = made(origin, seq, picture(life))
        refs.append(take(imports, seq, there, picture(life)))
        origin.close()
    assert sum(imports.origin(ref) is not None for ref in refs) <= 2
    assert imports.origin(refs[-1]) is not None


def test_larger_pictures_get_a_larger_ring() -> None:
    imports, reader, origin = Imports(), RingReader(), StreamRings(WINDOW)
    small = take(imports, 0, made(origin, 0, picture(1)), picture(1))
    large = picture(2, 60, 50)
    big = take(imports, 0, made(origin, 1, large), large)
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
