"""What a word for files means, what is left out, and how to get what cannot be read."""

from pathlib import Path

import pytest

from framewire.pipeline.stage import StageError
from framewire.stages.capture.inputs.pictures.files import check_supported, local_path, several_files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("f_0001.png", "f_0002.png", "f_12345.png", "g.jpg", "film.mp4", "notes.txt", ".hidden.png", "x.HEIC"):
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("word", "pictures", "others"),
    [
        ("", {"f_0001.png", "f_0002.png", "f_12345.png", "g.jpg"}, "film.mp4, notes.txt, x.HEIC"),
        ("f_%04d.png", {"f_0001.png", "f_0002.png"}, ""),
        ("f_%d.png", {"f_0001.png", "f_0002.png", "f_12345.png"}, ""),
        ("f*", {"f_0001.png", "f_0002.png", "f_12345.png"}, "film.mp4"),
        ("*.jpg", {"g.jpg"}, ""),
        ("h_%04d.png", set(), ""),
    ],
)
def test_what_is_found_and_what_is_left_out(word: str, pictures: set[str], others: str, folder: Path) -> None:
    files = several_files(str(folder / word))
    assert files is not None
    assert {file.name for file in files.pictures} == pictures
    assert files.left_out == others


def test_one_file_is_not_several(folder: Path) -> None:
    assert several_files(str(folder / "film.mp4")) is None
    assert several_files(str(folder / "no such file.mp4")) is None


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ("*.mp4", r"no pictures in .*, only film.mp4: name one film, or several under `sources`"),
        ("*.HEIC", r"no pictures in .*, only x.HEIC: convert it to JPEG or PNG, for example with heif-convert"),
    ],
)
def test_nothing_but_others(word: str, why: str, folder: Path) -> None:
    with pytest.raises(StageError, match=why):
        several_files(str(folder / word))


def test_a_picture_that_cannot_be_read_has_a_cure(folder: Path) -> None:
    with pytest.raises(StageError, match=r"x\.HEIC is a HEIC picture, which cannot be read: convert it to JPEG"):
        check_supported(folder / "x.HEIC")
    check_supported(folder / "film.mp4")


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ("file:///a/b%20c.mp4", "/a/b c.mp4"),
        ("FILE://localhost/a.mp4", "/a.mp4"),
        ("file:/a.mp4", "/a.mp4"),
        ("a:b.mp4", "a:b.mp4"),
        ("rtsp://host/a", "rtsp://host/a"),
    ],
)
def test_file_addresses(source: str, path: str) -> None:
    assert local_path(source) == path


def test_files_of_another_machine() -> None:
    with pytest.raises(StageError, match=r"another machine \(nas\)"):
        local_path("file://nas/films/a.mp4")
