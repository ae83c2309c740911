"""A journal torn anywhere resumes from its mark as if nothing had happened."""

from pathlib import Path

import pytest

from framewire.stages.video_writer import mp4_box
from framewire.stages.video_writer.fragment_encoder import Layout
from framewire.stages.video_writer.h264_encoder import H264Fragment
from framewire.stages.video_writer.journal import Journal, JournalError, Marker
from tests.videos import picture

LAYOUT = Layout(64, 48, 12800, (25, 1))


def movie(first: int, frames: int = 4) -> bytes:
    encoder = H264Fragment(LAYOUT, 30, "ultrafast")
    for number in range(first, first + frames):
        encoder.add(picture(number, 64, 48), number * 512)
    return encoder.finish()


def marker(first: int) -> Marker:
    return Marker(first, first + 4, 0, (first + 3) * 512, LAYOUT)


@pytest.fixture(scope="module")
def movies() -> list[bytes]:
    return [movie(first) for first in (0, 4, 8)]


def fill(path: Path, movies: list[bytes]) -> list[int]:
    """A journal of three fragments; returns the file's size after each."""
    journal, sizes = Journal(path), []
    for number, content in enumerate(movies):
        journal.append(marker(4 * number), content, 4 * number * 512)
        sizes.append(path.stat().st_size)
    journal.close()
    return sizes


def test_torn_anywhere_it_goes_on_from_the_mark(tmp_path: Path, movies: list[bytes]) -> None:
    path = tmp_path / "whole.part"
    sizes = fill(path, movies)
    whole = path.read_bytes()
    for torn in [*range(sizes[0], sizes[0] + 200), *range(sizes[0] + 200, sizes[2], 97)]:
        path.write_bytes(whole[:torn])
        journal = Journal(path, 4)
        assert journal.mark == 4
        assert path.stat().st_size == sizes[0]
        assert journal.marker.layout == LAYOUT
        for number in (1, 2):
            journal.append(marker(4 * number), movies[number], 4 * number * 512)
        journal.close()
        assert path.read_bytes() == whole


def test_what_is_beyond_the_mark_is_cut(tmp_path: Path, movies: list[bytes]) -> None:
    path = tmp_path / "whole.part"
    sizes = fill(path, movies)
    assert Journal(path, 8).mark == 8
    assert path.stat().st_size == sizes[1]
    assert Journal(path, 0).mark == 0
    assert path.stat().st_size == 0


def test_a_mark_that_the_file_does_not_reach_is_an_error(tmp_path: Path, movies: list[bytes]) -> None:
    path = tmp_path / "whole.part"
    fill(path, movies)
    with pytest.raises(JournalError, match="holds frames up to 12, not up to 16"):
        Journal(path, 16)
    path.write_bytes(b"rubbish" * 100)
    with pytest.raises(JournalError, match="up to 0, not up to 4"):
        Journal(path, 4)


def test_frames_without_pictures_are_covered_too(tmp_path: Path, movies: list[bytes]) -> None:
    path = tmp_path / "whole.part"
    journal = Journal(path)
    journal.append(Marker(0, 4))
    journal.append(Marker(4, 8, 0, 3584, LAYOUT), movies[1], 2048)
    journal.append(Marker(8, 12, 0, 3584, LAYOUT))
    journal.close()
    for mark in (12, 8, 4):
        journal = Journal(path, mark)
        assert journal.mark == mark
        assert journal.marker.layout == (None if mark == 4 else LAYOUT)
        assert bool(journal.header) == (mark != 4)
        journal.close()


def test_boxes_that_lie_are_not_followed() -> None:
    assert list(mp4_box.boxes(b"\x00\x00\x00\x04free")) == []
    assert list(mp4_box.boxes(b"\x00\x00\x01\x00free")) == []
    assert list(mp4_box.boxes(b"\x00\x00\x00\x01free\xff\xff\xff\xff\xff\xff\xff\xff")) == []
    (box,) = mp4_box.boxes(mp4_box.make(b"free", b"abc"))
    assert (box.kind, box.start, box.body, box.end) == (b"free", 0, 8, 11)
    with pytest.raises(mp4_box.BoxError, match="moov/trak"):
        mp4_box.find(mp4_box.make(b"moov", b""), b"moov", b"trak")


def test_time_and_timescale_are_where_the_standard_says(movies: list[bytes]) -> None:
    assert mp4_box.timescale(movies[0]) == LAYOUT.timescale
    fragment = bytearray(movies[1][mp4_box.find(movies[1], b"moof").start :])
    mp4_box.set_decode_time(fragment, 2**40 + 5)
    box = mp4_box.find(fragment, b"moof", b"traf", b"tfdt")
    assert int.from_bytes(fragment[box.body + 4 : box.end], "big") == 2**40 + 5
