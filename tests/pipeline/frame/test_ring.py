import os

import msgspec
import pytest

from framewire.pipeline.frame.packet import PictureRef
from framewire.pipeline.frame.ring import PictureLostError, Ring, RingReader, StreamRings


def write(ring: Ring, seq: int, value: int) -> PictureRef:
    pixels, ref = ring.begin(seq, 4, 6, 3)
    pixels[...] = value
    ring.finish(seq)
    return ref


def test_a_reader_sees_what_was_written_and_cannot_write() -> None:
    ring, reader = Ring(4, 4 * 6 * 3), RingReader()
    refs = [write(ring, seq, seq) for seq in range(4)]
    for seq, ref in enumerate(refs):
        view = reader.view(ref)
        assert view.shape == (4, 6, 3)
        assert (view == seq).all()
        with pytest.raises(ValueError, match="read-only"):
            view[0, 0, 0] = 1
    ring.close()


def test_a_late_reader_sees_that_it_is_late() -> None:
    ring, reader = Ring(2, 72), RingReader()
    old = write(ring, 0, 1)
    view = reader.view(old)
    assert reader.still_there(old)
    write(ring, 2, 9)
    assert not reader.still_there(old)
    assert (view == 9).all()
    with pytest.raises(PictureLostError, match="another frame"):
        reader.view(old)
    ring.close()


def test_a_picture_that_is_being_written_is_not_there() -> None:
    ring, reader = Ring(2, 72), RingReader()
    _, ref = ring.begin(0, 4, 6, 3)
    with pytest.raises(PictureLostError):
        reader.view(ref)
    ring.finish(0)
    assert reader.view(ref).shape == (4, 6, 3)
    ring.close()


def test_a_reader_that_has_mapped_a_ring_keeps_it_when_its_maker_lets_go() -> None:
    ring, reader = Ring(2, 72), RingReader()
    ref = write(ring, 0, 5)
    reader.view(ref)
    ring.close()
    assert (reader.view(ref) == 5).all()
    with pytest.raises(PictureLostError):
        RingReader().view(ref)


@pytest.mark.parametrize(
    "change",
    [
        {"ring": 12345},
        {"pid": 2**22 + 1},
        {"fd": 10_000},
        {"slot": 7},
        {"offset": 2**40},
        {"height": 2**20},
        {"offset": -8},
        {"height": -1},
    ],
)
def test_a_reference_that_lies_is_refused(change: dict[str, int]) -> None:
    ring = Ring(2, 72)
    ref = msgspec.structs.replace(write(ring, 0, 5), **change)
    with pytest.raises(PictureLostError):
        RingReader().view(ref)
    ring.close()


def test_a_reference_to_some_other_file_is_refused() -> None:
    file = os.memfd_create("other")
    os.truncate(file, 8192)
    lie = PictureRef(1, os.getpid(), file, 0, 0, 4096, 4, 6, 3)
    with pytest.raises(PictureLostError):
        RingReader().view(lie)
    os.truncate(file, 0)
    with pytest.raises(PictureLostError):
        RingReader().view(lie)
    os.close(file)


def test_grey_pictures_have_two_dimensions() -> None:
    ring = Ring(1, 24)
    _, ref = ring.begin(0, 4, 6, 1)
    ring.finish(0)
    assert RingReader().view(ref).shape == (4, 6)
    ring.close()


def test_a_larger_picture_gets_a_new_ring_and_the_old_one_stays_until_settled() -> None:
    rings, reader = StreamRings(2), RingReader()
    _, small = rings.begin(0, 0, 4, 6, 3)
    rings.finish(0)
    _, large = rings.begin(1, 0, 8, 12, 3)
    rings.finish(1)
    assert small.ring != large.ring
    assert reader.view(small).shape == (4, 6, 3)
    assert rings.made(small)
    rings.begin(2, 1, 8, 12, 3)
    assert not rings.made(small)
    rings.close()


def test_a_settled_frame_is_not_drawn_over_a_later_one() -> None:
    rings = StreamRings(2)
    rings.begin(2, 0, 4, 6, 3)
    rings.finish(2)
    with pytest.raises(PictureLostError, match="later one"):
        rings.begin(0, 0, 4, 6, 3)
    rings.close()


def test_pages_that_nobody_wrote_take_no_memory() -> None:
    ring = Ring(64, 2**20)
    assert os.fstat(ring.fd).st_blocks * 512 < 2**16
    ring.close()
