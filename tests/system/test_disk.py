"""A disk that is full, or gone: nothing that was safe is lost, and a live run goes on when it can."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from framewire.pipeline.unfinished import FOLDER
from tests.mjpeg_server import MjpegServer, serving
from tests.system.pictures import pictures_in
from tests.system.running import PIPELINES, Running, framewire, lines_in, wait_until


def mount(*arguments: str) -> bool:
    try:
        return subprocess.run(["mount", *arguments], capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of four megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    if not mount("-t", "tmpfs", "-o", "size=4m", "none", str(place)):
        pytest.skip("file systems cannot be mounted here")
    yield place
    subprocess.run(["umount", "-l", str(place)], capture_output=True)


@pytest.fixture
def camera(monkeypatch: pytest.MonkeyPatch) -> Iterator[MjpegServer]:
    with serving() as server:
        monkeypatch.setenv("LIVE_URL", server.url)
        yield server


def fill(place: Path) -> Path:
    """Take all of its room but a page."""
    filler = place / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            file.truncate(max(0, file.tell() - 4096))
    return filler


def recovered_as(path: Path) -> Path:
    """It keeps its name if the last page of room was enough to note that it has it; else it gets a number."""
    numbered = path.with_stem(f"{path.stem}-1")
    return numbered if numbered.exists() else path


def seqs(path: Path) -> list[int]:
    return [json.loads(line)["seq"] for line in path.read_text().splitlines()]


def test_a_full_disk_ends_a_run_on_files_with_what_is_safe(small_disk: Path) -> None:
    (small_disk / "filler").write_bytes(bytes(2_500_000))
    out = small_disk / "out"
    finished = framewire("run", str(PIPELINES / "endless.yaml"), "--out", str(out), "--http", "off")
    assert finished.code == 1
    assert "cannot be written: No space left on device; frames 0 to " in finished.stderr
    assert "Traceback" not in finished.stderr
    lines = seqs(out / "endless.jsonl")
    assert lines == list(range(len(lines)))
    film = next(path for path in (out / "endless.mp4", out / ".endless.mp4.part") if path.exists())
    assert pictures_in(film) > 500
    assert (out / FOLDER / "journal").exists() != ("can no longer be resumed" in finished.stderr)
    (small_disk / "filler").unlink()
    recovered = framewire("recover", str(out))
    assert recovered.code == 0, recovered.stderr
    assert seqs(recovered_as(out / "endless.jsonl")) == lines
    assert pictures_in(recovered_as(out / "endless.mp4")) > 500
    assert not (out / ".endless.mp4.part").exists()


def test_a_trace_that_does_not_fit_costs_the_trace_alone(small_disk: Path, tmp_path: Path) -> None:
    (small_disk / "filler").write_bytes(bytes(4_000_000))
    trace = small_disk / "trace.json"
    more = ("--set", "source.count=3000", "--trace", str(trace))
    finished = framewire("run", str(PIPELINES / "endless.yaml"), "--out", str(tmp_path), "--http", "off", *more)
    assert finished.code == 0, finished.stderr
    assert f"{trace}: No space left on device; the trace ends here" in finished.stderr
    assert seqs(tmp_path / "endless.jsonl") == list(range(3000))


def test_a_live_run_waits_for_room_and_goes_on_by_itself(small_disk: Path, camera: MjpegServer, tmp_path: Path) -> None:
    out = ("--set", f"list.path={small_disk / 'l.jsonl'}", "--set", f"video.path={small_disk / 'l.mp4'}")
    running = Running(PIPELINES / "live.yaml", tmp_path / "out", *out)
    wait_until(lambda: lines_in(small_disk / "l.jsonl") > 10, "some frames")
    filler = fill(small_disk)
    wait_until(lambda: "trying again until that is possible" in running.stderr(), "the full disk")
    filler.unlink()
    wait_until(lambda: "it can be written again" in running.stderr(), "room")
    before = lines_in(small_disk / "l.jsonl")
    wait_until(lambda: lines_in(small_disk / "l.jsonl") > before + 20, "more frames")
    running.process.terminate()
    finished = running.finish()
    assert finished.code == 130, finished.stderr
    assert finished.summary is not None
    assert finished.summary.frames.failed == {}
    lines = seqs(small_disk / "l.jsonl")
    assert lines == list(range(finished.summary.frames.written))
    assert pictures_in(small_disk / "l.mp4") == len(lines)


def test_a_disk_that_is_unmounted_gets_nothing_in_its_place(
    small_disk: Path, camera: MjpegServer, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    assert mount("--bind", str(small_disk), str(other))
    running = Running(PIPELINES / "live.yaml", tmp_path / "out", "--set", f"list.path={other / 'l.jsonl'}")
    try:
        wait_until(lambda: lines_in(other / "l.jsonl") > 10, "some frames")
        subprocess.run(["umount", "-l", str(other)], check=True)
        wait_until(lambda: "its disk is gone" in running.stderr(), "the message")
        assert [path.name for path in other.iterdir() if path.suffix == ".jsonl"] == []
        assert mount("--bind", str(small_disk), str(other))
        wait_until(lambda: "it can be written again" in running.stderr(), "the disk")
        running.process.terminate()
        finished = running.finish()
        assert finished.code == 130, finished.stderr
        assert finished.summary is not None
        assert seqs(other / "l.jsonl") == list(range(finished.summary.frames.written))
    finally:
        subprocess.run(["umount", "-l", str(other)], capture_output=True)
