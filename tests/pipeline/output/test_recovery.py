"""What a killed run left is made whole once, under a name that was free; what was set aside comes back."""

import os
from pathlib import Path

import pytest

from framewire.pipeline.graph import load_pipeline
from framewire.pipeline.output.recovery import RecoveryError, recover, strays_of, strays_under
from framewire.pipeline.unfinished import FOLDER, Unfinished

SINK = """
import os
from pathlib import Path
from framewire.pipeline.stage import Sink, StageError, stage

@stage("copies")
class Copies(Sink[None]):
    @classmethod
    def recover(cls, growing: Path, target: Path) -> int:
        text = growing.read_text()
        if text == "crash":
            os.kill(os.getpid(), 9)
        if text == "torn":
            raise StageError("it is torn")
        if text == "slip":
            raise ZeroDivisionError("oh")
        growing.replace(target)
        return len(text)
"""


def left(out: Path, growing: Path, target: Path, text: str, among_many: bool = False) -> None:
    (out / "copies.py").write_text(SINK)
    unfinished = Unfinished(out, "sink", "copies:Copies", str(out))
    unfinished.begin(growing, target, among_many)
    growing.write_text(text)


def told(out: Path) -> list[str]:
    return [str(one) for one in recover(out)]


def test_it_gets_a_number_beside_its_own_name(tmp_path: Path) -> None:
    for number in (1, 2):
        left(tmp_path, tmp_path / ".v.mp4.part", tmp_path / "v.mp4", "four")
        assert told(tmp_path) == [f"{tmp_path / f'v-{number}.mp4'} (4 frames)"]
    assert told(tmp_path) == []
    assert not (tmp_path / "v.mp4").exists()
    assert list((tmp_path / FOLDER).iterdir()) == []


def test_one_of_many_keeps_its_name_if_that_is_free(tmp_path: Path) -> None:
    left(tmp_path, tmp_path / ".7.mp4.part", tmp_path / "7.mp4", "four", among_many=True)
    assert told(tmp_path) == [f"{tmp_path / '7.mp4'} (4 frames)"]
    left(tmp_path, tmp_path / ".7.mp4.part", tmp_path / "7.mp4", "four", among_many=True)
    assert told(tmp_path) == [f"{tmp_path / '7-1.mp4'} (4 frames)"]


def test_its_age_stays(tmp_path: Path) -> None:
    left(tmp_path, tmp_path / ".v.mp4.part", tmp_path / "v.mp4", "four")
    os.utime(tmp_path / ".v.mp4.part", (1000, 1000))
    told(tmp_path)
    assert (tmp_path / "v-1.mp4").stat().st_mtime == 1000


def test_what_was_set_aside_comes_back(tmp_path: Path) -> None:
    lines = tmp_path / "l.jsonl"
    lines.write_text("earlier")
    (tmp_path / "copies.py").write_text(SINK)
    Unfinished(tmp_path, "sink", "copies:Copies", str(tmp_path)).grow(lines)
    lines.write_text("new")
    assert told(tmp_path) == [f"{tmp_path / 'l-1.jsonl'} (3 frames)"]
    assert (lines.read_text(), (tmp_path / "l-1.jsonl").read_text()) == ("earlier", "new")


@pytest.mark.parametrize(
    ("text", "why"), [("crash", "SIGKILL"), ("torn", "it is torn"), ("slip", "ZeroDivisionError: oh")]
)
def test_what_cannot_be_made_whole_stays_as_it_is(text: str, why: str, tmp_path: Path) -> None:
    growing = tmp_path / ".v.mp4.part"
    left(tmp_path, growing, tmp_path / "v.mp4", text)
    for _ in range(2):
        with pytest.raises(RecoveryError, match=f"left {growing}, which cannot be made whole: .*{why}.*; cure that"):
            told(tmp_path)
        assert growing.read_text() == text
    growing.write_text("mended")
    assert told(tmp_path) == [f"{tmp_path / 'v-1.mp4'} (6 frames)"]


def test_what_has_its_name_and_cannot_be_made_whole_keeps_that_name(tmp_path: Path) -> None:
    left(tmp_path, tmp_path / ".v.mp4.part", tmp_path / "v.mp4", "torn")
    assert Unfinished(tmp_path, "sink", resumed=True).name_as_they_are() == [tmp_path / "v.mp4"]
    for _ in range(2):
        with pytest.raises(RecoveryError, match=f"left {tmp_path / 'v.mp4'}, which cannot be made whole: it is torn"):
            told(tmp_path)
        assert (tmp_path / "v.mp4").read_text() == "torn"
    (tmp_path / "v.mp4").write_text("four")
    assert told(tmp_path) == [f"{tmp_path / 'v.mp4'} (4 frames)"]


def test_a_list_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "sink.unfinished").write_text("{")
    with pytest.raises(RecoveryError, match=r"sink\.unfinished cannot be read .*delete it to go on without"):
        told(tmp_path)


def test_files_on_no_list_are_found_by_name_or_by_what_is_in_them(tmp_path: Path) -> None:
    config = tmp_path / "p.yaml"
    config.write_text(
        "stages:\n  capture: {source: demo}\n  video: {use: video_writer, input: capture, path: 'a/{part}.mp4'}\n"
    )
    (tmp_path / "a").mkdir()
    for name in (".3.mp4.part", ".x.mp4.part", "3.mp4.part"):
        (tmp_path / "a" / name).write_bytes(b"\0\0\0\x20freeFWSG" if name == ".3.mp4.part" else b"something else")
    by_name = [Path(file.growing).name for file in strays_of(load_pipeline(config), tmp_path)]
    assert ".3.mp4.part" in by_name and "3.mp4.part" not in by_name
    assert [Path(file.growing).name for file in strays_under(tmp_path)] == [".3.mp4.part"]
