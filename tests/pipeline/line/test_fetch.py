"""A file comes whole, with the right hash, or not at all; whatever is lost, doubled, or asked for by a stranger."""

import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from framewire.pipeline.line.fetch import PART, PART_BYTES_MIN, SLOW_S, Fetch, FetchError
from framewire.pipeline.line.lender import Lender
from framewire.pipeline.line.lent_file import FileHere, file_here
from framewire.pipeline.line.numbered import AGAIN_S, LineEnd, decode_frame
from framewire.pipeline.line.said import (
    PART_BYTES_MAX,
    FileAsked,
    FilePart,
    FileRefused,
    MisheardError,
    encode_said,
    from_agent,
    to_agent,
)


def written(path: Path, size: int) -> FileHere:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(os.urandom(size))
    return file_here(path)


def fetch_of(file: FileHere, folder: Path) -> Fetch:
    fetch = Fetch(folder, file.sha256, file.size, "mine.onnx")
    list(fetch.begin())
    return fetch


def all_of(fetch: Fetch, lender: Lender, parts: int = 1000) -> int:
    """Fetch so many parts, or all; returns how many came."""
    for came in range(parts):
        if fetch.is_whole:
            return came
        answer = lender.answer(fetch.ask(0.0))
        assert isinstance(answer, FilePart)
        assert fetch.took(answer, 0.0)
    return parts


@pytest.mark.parametrize("size", [0, 1, PART_BYTES_MIN, PART_BYTES_MIN + 1, 3 * PART_BYTES_MAX + 5])
def test_it_is_there_whole(size: int, tmp_path: Path) -> None:
    file = written(tmp_path / "a", size)
    fetch = fetch_of(file, tmp_path / "files")
    all_of(fetch, Lender([file]))
    assert fetch.path == tmp_path / "files" / file.sha256 / "mine.onnx"
    assert fetch.path.read_bytes() == file.path.read_bytes()
    assert not list((tmp_path / "files").glob(f"*{PART}"))


def test_another_try_goes_on_where_one_was_killed(tmp_path: Path) -> None:
    file = written(tmp_path / "a", 10 * PART_BYTES_MAX)
    lender = Lender([file])
    all_of(fetch_of(file, tmp_path / "files"), lender, 5)
    had = (tmp_path / "files" / f"{file.sha256}{PART}").stat().st_size
    again = fetch_of(file, tmp_path / "files")
    assert 0 < again.ask(0.0).offset == had < file.size
    all_of(again, lender)
    assert again.path.read_bytes() == file.path.read_bytes()


def test_what_another_try_has_left_may_be_anything(tmp_path: Path) -> None:
    file = written(tmp_path / "a", 1000)
    part = tmp_path / "files" / f"{file.sha256}{PART}"
    part.parent.mkdir()
    part.write_bytes(b"x" * 1001)
    all_of(fetch_of(file, tmp_path / "files"), Lender([file]))
    for left in (999, 1000):
        part.write_bytes(b"x" * left)
        fetch = fetch_of(file, tmp_path / "files")
        all_of(fetch, Lender([file]))
        assert fetch.path.read_bytes() == file.path.read_bytes()


def test_other_content_is_refused(tmp_path: Path) -> None:
    file = written(tmp_path / "a", 1000)
    fetch = fetch_of(file, tmp_path / "files")
    with pytest.raises(FetchError):
        fetch.took(FilePart(file.sha256, 0, b"x" * 1000), 0.0)
    assert not fetch.path.exists()


@pytest.mark.parametrize("size", [0, 1001])
def test_a_part_that_cannot_be_one(size: int, tmp_path: Path) -> None:
    file = written(tmp_path / "a", 1000)
    with pytest.raises(FetchError):
        fetch_of(file, tmp_path / "files").took(FilePart(file.sha256, 0, b"x" * size), 0.0)


def test_parts_of_other_files_and_places_are_passed_over(tmp_path: Path) -> None:
    file = written(tmp_path / "a", 1000)
    fetch = fetch_of(file, tmp_path / "files")
    other = hashlib.sha256(b"other").hexdigest()
    assert not fetch.took(FilePart(other, 0, b"x"), 0.0)
    assert not fetch.took(FilePart(file.sha256, 5, b"x"), 0.0)
    all_of(fetch, Lender([file]))
    assert not fetch.took(FilePart(file.sha256, 1000, b"x"), 0.0)


def test_parts_are_small_where_they_take_long(tmp_path: Path) -> None:
    """Whatever the line's rate, a lease need not wait long behind one."""
    file = written(tmp_path / "a", 40 * PART_BYTES_MAX)
    lender, fetch = Lender([file]), fetch_of(file, tmp_path / "files")

    def counts(seconds_per_byte: float, rounds: int) -> list[int]:
        found = []
        for _ in range(rounds):
            ask = fetch.ask(0.0)
            found.append(ask.count)
            answer = lender.answer(ask)
            assert isinstance(answer, FilePart)
            fetch.took(answer, ask.count * seconds_per_byte)
        return found

    assert counts(0.0, 8)[-1] == PART_BYTES_MAX
    slow = counts(1e-5, 8)
    assert slow[-1] * 1e-5 <= SLOW_S


def test_only_what_is_lent_can_be_asked_for(tmp_path: Path) -> None:
    lent, other = written(tmp_path / "a", 10), written(tmp_path / "b", 10)
    answer = Lender([lent]).answer(FileAsked(other.sha256, 0, 10))
    assert isinstance(answer, FileRefused)
    assert "is lent in this run" in answer.text


@pytest.mark.parametrize("how", ["written", "replaced", "shorter", "gone"])
def test_a_file_that_changes_is_refused(how: str, tmp_path: Path) -> None:
    file = written(tmp_path / "a", 1000)
    lender = Lender([file])
    assert isinstance(lender.answer(FileAsked(file.sha256, 0, 10)), FilePart)
    if how == "written":
        file.path.write_bytes(b"y" * 1000)
    elif how == "replaced":
        (tmp_path / "b").write_bytes(file.path.read_bytes())
        (tmp_path / "b").replace(file.path)
    elif how == "shorter":
        os.truncate(file.path, 10)
    else:
        file.path.unlink()
    answer = lender.answer(FileAsked(file.sha256, 10, 10))
    assert isinstance(answer, FileRefused)
    assert str(file.path) in answer.text


@pytest.mark.parametrize(
    "wrong",
    [
        {"sha256": "/etc/passwd"},
        {"sha256": "A" * 64},
        {"sha256": "a" * 64 + "\n"},
        {"offset": -1},
        {"count": 0},
        {"count": PART_BYTES_MAX + 1},
    ],
)
def test_an_ask_that_is_none_is_not_heard(wrong: dict[str, object]) -> None:
    ask = {"sha256": "a" * 64, "offset": 0, "count": 1}
    assert from_agent(encode_said(FileAsked(**ask))) == FileAsked(**ask)  # type: ignore[arg-type]
    with pytest.raises(MisheardError):
        from_agent(encode_said(FileAsked(**{**ask, **wrong})))  # type: ignore[arg-type]


def test_a_part_that_is_too_large_is_not_heard() -> None:
    with pytest.raises(MisheardError):
        to_agent(encode_said(FilePart("a" * 64, 0, b"x" * (PART_BYTES_MAX + 1))))


@given(st.lists(st.sampled_from(["ask arrives", "answer arrives", "lose", "double", "wait"]), max_size=100))
@example(["double"] * 100)
@settings(max_examples=30, deadline=None)
def test_a_line_that_loses_and_doubles(tmp_path_factory: pytest.TempPathFactory, what_happens: list[str]) -> None:
    folder = tmp_path_factory.mktemp("fetch")
    file = written(folder / "a", 5 * PART_BYTES_MIN + 7)
    lender, fetch = Lender([file]), fetch_of(file, folder / "files")
    agent, run, now = LineEnd(), LineEnd(), 0.0
    to_run = [agent.send(encode_said(fetch.ask(now)), now)]
    to_us: list[bytes] = []
    # In the end all arrives, faster than it is sent again.
    rest = ["wait", *["ask arrives", "answer arrives"] * 12] * 30
    for happens in [*what_happens, *rest]:
        if happens == "ask arrives" and to_run:
            payload = run.take(decode_frame(to_run.pop(0)), now)
            if payload:
                ask = from_agent(payload)
                assert isinstance(ask, FileAsked)
                to_us.append(run.send(encode_said(lender.answer(ask)), now))
        elif happens == "answer arrives" and to_us:
            payload = agent.take(decode_frame(to_us.pop(0)), now)
            if payload:
                part = to_agent(payload)
                assert isinstance(part, FilePart)
                assert fetch.took(part, now)
                if not fetch.is_whole:
                    to_run.append(agent.send(encode_said(fetch.ask(now)), now))
        elif happens == "lose":
            del to_run[:1], to_us[:1]
        elif happens == "double":
            to_run += to_run[:1]
            to_us += to_us[:1]
        elif happens == "wait":
            now += AGAIN_S
            agent.take(decode_frame(run.loose(b"")), now)
            run.take(decode_frame(agent.loose(b"")), now)
            to_run += agent.again(now)
            to_us += run.again(now)
    assert fetch.path.read_bytes() == file.path.read_bytes()
