"""What earlier runs have left in an output folder: finished files, unfinished ones, and parts."""

from pathlib import Path

import pytest

from framewire.pipeline.unfinished import FOLDER
from tests.system.pictures import pictures_in
from tests.system.running import PIPELINES, Running, framewire, lines_in, run, wait_until

SHORT, ENDLESS, PARTS = (PIPELINES / f"{name}.yaml" for name in ("short", "endless", "parts"))


def killed(config: Path, out: Path, is_time: Path, *arguments: str) -> None:
    """A run whose every process dies once a file exists and has a line or a picture."""
    running = Running(config, out, *arguments)
    wait_until(lambda: is_time.exists() and is_time.stat().st_size > 0, is_time.name)
    running.process.kill()
    running.finish()


def test_parts_go_on_behind_those_of_a_killed_run(tmp_path: Path) -> None:
    folder = tmp_path / "source"
    killed(PARTS, tmp_path, folder / "04.jsonl")
    finished = run(PARTS, tmp_path, "--set", "source.count=60")
    assert finished.code == 0, finished.stderr
    lines = {path.name: lines_in(path) for path in sorted(folder.glob("*.jsonl"))}
    numbers = [int(name.split(".")[0]) for name in lines]
    assert numbers == list(range(len(numbers)))
    assert list(lines.values())[-3:] == [25, 25, 10]
    films = sorted(folder.glob("*.mp4"))
    assert [int(path.stem) for path in films] == list(range(len(films)))
    assert sum(map(pictures_in, films[-2:])) == 60
    assert all(pictures_in(path) for path in films)


def test_limits_count_what_was_recovered(tmp_path: Path) -> None:
    folder = tmp_path / "source"
    killed(PARTS, tmp_path, folder / "04.jsonl")
    keep = ("--set", "video.keep_files=2", "--set", "list.keep_files=2")
    assert run(PARTS, tmp_path, "--set", "source.count=60", *keep).code == 0
    for suffix in ("mp4", "jsonl"):
        assert len(list(folder.glob(f"*.{suffix}"))) == 2
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("by", ["hand", "the next run"])
def test_an_unfinished_film_on_no_list_is_found(by: str, tmp_path: Path) -> None:
    """As an older version has left it."""
    killed(ENDLESS, tmp_path, tmp_path / ".endless.mp4.part")
    for path in (tmp_path / FOLDER).glob("*.unfinished"):
        path.unlink()
    (tmp_path / FOLDER / "journal").unlink()
    if by == "hand":
        done = framewire("recover", str(tmp_path))
        assert (done.code, str(tmp_path / "endless-1.mp4") in done.stdout) == (0, True), done.stderr
    else:
        assert run(ENDLESS, tmp_path, "--set", "source.count=40").code == 0
        assert pictures_in(tmp_path / "endless.mp4") == 40
    assert pictures_in(tmp_path / "endless-1.mp4") >= 16


def test_recovering_what_needs_none(tmp_path: Path) -> None:
    assert run(SHORT, tmp_path).code == 0
    before = (tmp_path / "short.jsonl").read_bytes()
    done = framewire("recover", str(tmp_path))
    assert (done.code, "there is no unfinished file in" in done.stdout) == (0, True)
    assert (tmp_path / "short.jsonl").read_bytes() == before
    assert framewire("recover", str(tmp_path / "nowhere")).code == 2


def test_a_run_that_goes_on_is_not_recovered(tmp_path: Path) -> None:
    running = Running(ENDLESS, tmp_path)
    wait_until(lambda: lines_in(tmp_path / "endless.jsonl") > 20, "some lines")
    done = framewire("recover", str(tmp_path))
    assert (done.code, "is in use by the run 'endless'" in done.stderr) == (2, True)
    running.process.terminate()
    assert running.finish().code == 130


@pytest.mark.parametrize(
    ("existing", "code", "names"),
    [
        ("replace", 0, {"short.jsonl": 20}),
        ("number", 0, {"short.jsonl": 200, "short-1.jsonl": 20}),
        ("refuse", 1, {"short.jsonl": 200}),
    ],
)
def test_a_finished_file(existing: str, code: int, names: dict[str, int], tmp_path: Path) -> None:
    assert run(SHORT, tmp_path).code == 0
    settings = ("--set", "source.count=20", "--set", f"metadata.existing={existing}")
    finished = run(SHORT, tmp_path, *settings)
    assert finished.code == code, finished.stderr
    assert {path.name: lines_in(path) for path in tmp_path.glob("*.jsonl")} == names
    assert code == 0 or f"{tmp_path / 'short.jsonl'} exists, and `existing` is refuse" in finished.stderr


def test_a_finished_file_is_there_until_the_new_one_is_whole(tmp_path: Path) -> None:
    """A run that fails, or is killed, has cost nothing."""
    assert run(SHORT, tmp_path).code == 0
    before = (tmp_path / "short.jsonl").read_bytes()
    lines, aside = tmp_path / "short.jsonl", tmp_path / ".short.jsonl.earlier"
    for recovered in ([], ["short-1.jsonl"]):

        def are_new(recovered: list[str] = recovered) -> bool:
            there = [path.name for path in tmp_path.glob("short-*.jsonl")]
            return there == recovered and aside.exists() and lines_in(lines) > 0

        running = Running(SHORT, tmp_path, "--set", "source.count=1000000")
        wait_until(are_new, "lines of the new run")
        running.process.kill()
        running.finish()
    assert framewire("recover", str(tmp_path)).code == 0
    assert (tmp_path / "short.jsonl").read_bytes() == before
    assert len(list(tmp_path.glob("short-*.jsonl"))) == 2
