import os
from pathlib import Path

import pytest

from framewire.pipeline.unfinished import Unfinished, aside, numbered, unfinished_in


def listed(out: Path) -> list[str]:
    path = out / ".framewire" / "sink.unfinished"
    return [file.growing for file in unfinished_in(path)] if path.exists() else []


def test_an_earlier_file_is_set_aside_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("earlier")
    unfinished = Unfinished(tmp_path, "sink")
    unfinished.grow(path)
    assert not path.exists()
    assert aside(path).read_text() == "earlier"
    assert listed(tmp_path) == ["a.jsonl"]
    path.write_text("new")
    unfinished.done(path)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["a.jsonl"]
    assert listed(tmp_path) == []


def test_a_replacement_goes_on_with_the_file_and_sets_nothing_aside(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("earlier")
    Unfinished(tmp_path, "sink").grow(path)
    path.write_text("begun")
    Unfinished(tmp_path, "sink", resumed=True).grow(path)
    assert path.read_text() == "begun"
    assert aside(path).read_text() == "earlier"


def test_a_worker_that_died_before_it_set_the_file_aside(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("earlier")
    Unfinished(tmp_path, "sink").grow(path)
    aside(path).replace(path)
    Unfinished(tmp_path, "sink", resumed=True).grow(path)
    assert aside(path).read_text() == "earlier"


@pytest.mark.parametrize("kind", ["device", "pipe"])
def test_a_device_stays_where_it_is(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "full"
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/null")
    Unfinished(tmp_path, "sink").grow(path)
    assert path.exists()
    assert not aside(path).exists()
    assert listed(tmp_path) == []


def test_numbers_go_on_from_the_highest(tmp_path: Path) -> None:
    assert numbered(tmp_path / "v.mp4").name == "v-1.mp4"
    for name in ("v-2.mp4", ".v-7.mp4.part", "v-9.avi", "w-11.mp4", "v-x.mp4"):
        (tmp_path / name).touch()
    assert numbered(tmp_path / "v.mp4").name == "v-8.mp4"


def test_what_somebody_has_deleted_is_told(tmp_path: Path) -> None:
    first = Unfinished(tmp_path, "sink")
    for name in ("kept.jsonl", "gone.jsonl", "made.mp4", "done.jsonl"):
        first.grow(tmp_path / name)
        (tmp_path / name).write_text("line\n")
    first.made(tmp_path / "made.mp4")
    first.done(tmp_path / "done.jsonl")
    for name in ("gone.jsonl", "made.mp4", "done.jsonl"):
        (tmp_path / name).unlink()
    assert Unfinished(tmp_path, "sink", resumed=True).gone == [tmp_path / "gone.jsonl"]
    assert Unfinished(tmp_path, "sink").gone == []
