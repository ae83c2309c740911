"""What an agent has of home's files is used as it is, by hash; the rest it asks for, and no more than it may."""

from pathlib import Path

import msgspec
import pytest

from framewire.pipeline.agent import lent_files
from framewire.pipeline.agent.lent_files import LentFiles, LentFilesError
from framewire.pipeline.graph.spec import PipelineSpec, StageSpec
from framewire.pipeline.line.fetch import FetchError
from framewire.pipeline.line.lender import Lender
from framewire.pipeline.line.lent_file import FileHere, LentFile, file_here
from framewire.pipeline.line.said import FilePart

SPEC = PipelineSpec(
    name="p", stages=(StageSpec(name="own", use="classify", inputs_at={"mine.onnx": "/home/me/mine.onnx"}),)
)


@pytest.fixture
def here(tmp_path: Path) -> FileHere:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "mine.onnx").write_bytes(b"net" * 20_000)
    return file_here(tmp_path / "home" / "mine.onnx")


@pytest.fixture
def away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The agent's folder, and its user's."""
    (tmp_path / "away").mkdir()
    monkeypatch.chdir(tmp_path / "away")
    monkeypatch.setenv("HOME", str(tmp_path / "away"))
    return tmp_path / "away"


def lent(here: FileHere, text: str = "mine.onnx", name: str = "mine.onnx", place: str = "mine.onnx") -> LentFile:
    return LentFile("own", text, name, place, here.sha256, here.size)


def looked(*files: LentFile) -> LentFiles:
    found = LentFiles(files, Path("out/files"))
    list(found.look())
    return found


def fetched(files: LentFiles, lender: Lender) -> None:
    while (ask := files.ask(0.0)) is not None:
        part = lender.answer(ask)
        assert isinstance(part, FilePart)
        assert files.took(part, 0.0)


def own(files: LentFiles) -> StageSpec:
    return files.given(SPEC).stage("own")


def test_what_is_not_here_is_fetched_and_kept(here: FileHere, away: Path) -> None:
    files = looked(lent(here))
    assert not files.is_whole
    fetched(files, Lender([here]))
    assert files.is_whole
    path = Path(own(files).inputs_at["mine.onnx"])
    assert path == away / "out" / "files" / here.sha256 / "mine.onnx"
    assert path.read_bytes() == here.path.read_bytes()
    again = looked(lent(here))
    assert again.is_whole
    assert own(again) == own(files)


@pytest.mark.parametrize(("text", "place"), [("mine.onnx", "mine.onnx"), ("", "~/cache/mine.onnx")])
def test_what_is_here_is_used_as_it_is(text: str, place: str, here: FileHere, away: Path) -> None:
    path = away / place.removeprefix("~/")
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(here.path.read_bytes())
    files = looked(lent(here, text, place=place))
    assert (files.is_whole, files.news) == (True, [])
    given = own(files)
    assert (given.inputs_at, given.files) == (({text: str(path)}, {}) if text else ({}, {"mine.onnx": str(path)}))


def test_another_file_of_that_name_is_not_used_and_that_is_said(here: FileHere, away: Path) -> None:
    (away / "mine.onnx").write_bytes(b"another")
    files = looked(lent(here))
    assert not files.is_whole
    assert files.news[0] == "own: mine.onnx differs from the file at home, which is used instead"
    fetched(files, Lender([here]))
    assert Path(own(files).inputs_at["mine.onnx"]).read_bytes() == here.path.read_bytes()
    assert (away / "mine.onnx").read_bytes() == b"another"


@pytest.mark.usefixtures("away")
def test_what_was_kept_and_is_damaged_is_fetched_again(here: FileHere) -> None:
    files = looked(lent(here))
    fetched(files, Lender([here]))
    Path(own(files).inputs_at["mine.onnx"]).write_bytes(b"torn")
    files = looked(lent(here))
    assert not files.is_whole
    fetched(files, Lender([here]))
    assert Path(own(files).inputs_at["mine.onnx"]).read_bytes() == here.path.read_bytes()


@pytest.mark.usefixtures("away")
def test_two_names_of_one_file_are_fetched_once(here: FileHere) -> None:
    files = looked(lent(here), lent(here, "same.onnx", "same.onnx", "same.onnx"))
    fetched(files, Lender([here]))
    places = own(files).inputs_at
    assert [Path(place).name for place in places.values()] == ["mine.onnx", "same.onnx"]
    assert {Path(place).read_bytes() for place in places.values()} == {here.path.read_bytes()}


def test_what_no_stage_reads_any_more_goes(here: FileHere, away: Path) -> None:
    files = looked(lent(here))
    fetched(files, Lender([here]))
    (away / "out" / "files" / f"{'b' * 64}.part").write_bytes(b"begun")
    assert looked().is_whole
    assert list((away / "out" / "files").iterdir()) == []


def test_places_at_home_are_never_given_to_a_worker() -> None:
    assert LentFiles((), Path("nowhere")).given(SPEC).stage("own").inputs_at == {}


@pytest.mark.usefixtures("away")
def test_too_much_is_refused_with_the_cure(here: FileHere, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lent_files, "BYTES_MAX", here.size)
    assert not looked(lent(here)).is_whole
    monkeypatch.setattr(lent_files, "BYTES_MAX", here.size - 1)
    with pytest.raises(LentFilesError, match=r"copy the largest, mine\.onnx, to /.*/away/mine\.onnx"):
        looked(lent(here))


def test_a_full_disk_is_told(here: FileHere, away: Path) -> None:
    files = looked(lent(here))
    ask = files.ask(0.0)
    assert ask is not None
    (away / "out" / "files" / f"{here.sha256}.part").unlink()
    (away / "out" / "files" / f"{here.sha256}.part").mkdir()
    part = Lender([here]).answer(ask)
    assert isinstance(part, FilePart)
    with pytest.raises(FetchError, match="Is a directory"):
        files.took(part, 0.0)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/etc/passwd", "a\0b"])
def test_a_name_is_no_path(name: str, here: FileHere) -> None:
    raw = msgspec.msgpack.encode(lent(here, name=name))
    with pytest.raises(msgspec.ValidationError):
        msgspec.msgpack.decode(raw, type=LentFile)
