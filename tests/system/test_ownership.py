"""One run at a time for an output folder, and for a file that is written from elsewhere."""

from pathlib import Path

import pytest

from tests.system.in_full import in_full
from tests.system.running import PIPELINES, Running, framewire, lines_in, wait_until

ENDLESS = PIPELINES / "short.yaml"
MANY = ("--set", "source.count=1000000")


def started(out: Path, *arguments: str, file: Path | None = None) -> Running:
    """An endless run that has written some lines, to `file` or where it does by default."""
    running = Running(ENDLESS, out, *MANY, *arguments)
    wait_until(lambda: lines_in(file or out / "short.jsonl") > 0, "the first lines")
    return running


def stop(running: Running) -> None:
    running.process.terminate()
    assert running.finish().code == 130


@pytest.mark.parametrize("config", ["apart.yaml", pytest.param("short.yaml", marks=in_full)])
def test_a_second_run_into_the_folder_is_refused_and_harms_nothing(config: str, tmp_path: Path) -> None:
    first = started(tmp_path)
    before = lines_in(tmp_path / "short.jsonl")
    second = framewire("run", str(PIPELINES / config), "--out", str(tmp_path), "--http", "off")
    assert second.code == 2
    assert f"{tmp_path} is in use by the run 'short' (process {first.process.pid}) since" in second.stderr
    assert "--out" in second.stderr
    wait_until(lambda: lines_in(tmp_path / "short.jsonl") > before + 100, "more lines of the first run")
    stop(first)
    third = framewire("run", str(PIPELINES / config), "--out", str(tmp_path), "--http", "off")
    assert third.code == 0, third.stderr


def test_a_killed_run_leaves_the_folder_to_the_next(tmp_path: Path) -> None:
    first = started(tmp_path)
    first.process.kill()
    next_one = framewire("run", str(ENDLESS), "--out", str(tmp_path), "--http", "off")
    assert next_one.code == 0, next_one.stderr
    first.process.wait()


@pytest.mark.parametrize("first_is_inside", [True, pytest.param(False, marks=in_full)])
def test_a_file_in_the_folder_of_another_run(first_is_inside: bool, tmp_path: Path) -> None:
    """Inside one run's output folder, and named by its whole path in another: whichever comes first."""
    inside = ("--set", "metadata.path=deep/list.jsonl")
    outside = ("--set", f"metadata.path={tmp_path / 'a' / 'deep' / 'list.jsonl'}")
    arguments = {True: (tmp_path / "a", inside), False: (tmp_path / "b", outside)}
    out, settings = arguments[first_is_inside]
    (tmp_path / "a" / "deep").mkdir(parents=True)
    first = started(out, *settings, file=tmp_path / "a" / "deep" / "list.jsonl")
    out, settings = arguments[not first_is_inside]
    second = framewire("run", str(ENDLESS), "--out", str(out), "--http", "off", *settings)
    assert second.code == 2
    assert "is in use by the run 'short'" in second.stderr
    stop(first)
    third = framewire("run", str(ENDLESS), "--out", str(out), "--http", "off", *settings)
    assert third.code == 0, third.stderr
    assert lines_in(tmp_path / "a" / "deep" / "list.jsonl") == 200
    assert sorted(path.name for path in (tmp_path / "a" / "deep").iterdir()) == ["list.jsonl"]


def test_an_output_folder_by_another_name(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    first = started(tmp_path / "link")
    second = framewire("run", str(ENDLESS), "--out", str(tmp_path / "real"), "--http", "off")
    assert (second.code, "is in use by the run 'short'" in second.stderr) == (2, True)
    stop(first)
    assert framewire("run", str(ENDLESS), "--out", str(tmp_path / "link"), "--http", "off").code == 0


def test_one_file_outside_of_both_folders(tmp_path: Path) -> None:
    shared = ("--set", f"metadata.path={tmp_path / 'list.jsonl'}")
    first = started(tmp_path / "a", *shared, file=tmp_path / "list.jsonl")
    second = framewire("run", str(ENDLESS), "--out", str(tmp_path / "b"), "--http", "off", *shared)
    assert second.code == 2
    assert f"{tmp_path / 'list.jsonl'} is in use" in second.stderr
    stop(first)


def test_what_a_stage_has_started_does_not_hold_the_folder(tmp_path: Path) -> None:
    arguments = ("--set", "read.use=odd_stages:Starter", "--set", "read.replicas=1")
    first = framewire("run", str(ENDLESS), "--out", str(tmp_path), "--http", "off", *arguments)
    assert first.code == 0, first.stderr
    second = framewire("run", str(ENDLESS), "--out", str(tmp_path), "--http", "off")
    assert second.code == 0, second.stderr


@pytest.mark.parametrize("outer_is_first", [False, pytest.param(True, marks=in_full)])
def test_an_output_folder_inside_another(outer_is_first: bool, tmp_path: Path) -> None:
    """Both would write to the same file, each by a path within its own folder."""
    (tmp_path / "inner").mkdir()
    outer = (tmp_path, ("--set", "metadata.path=inner/short.jsonl"))
    inner: tuple[Path, tuple[str, ...]] = (tmp_path / "inner", ())
    (out, settings), (other, others) = (outer, inner) if outer_is_first else (inner, outer)
    first = started(out, *settings, file=tmp_path / "inner" / "short.jsonl")
    second = framewire("run", str(ENDLESS), "--out", str(other), "--http", "off", *others)
    assert second.code == 2
    assert "is in use by the run 'short'" in second.stderr
    stop(first)
