"""A model that is only at home: a stage on another machine gets it over the line, and says the same as at home."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest

from framewire.pipeline.line.fetch import PART
from tests.models.carded import colour_card, of_colour, write_colours
from tests.system.hosts import Agent
from tests.system.in_full import in_full
from tests.system.running import SHARED, Running, free_port, run, wait_until

YUNET = SHARED / "models" / "face_detection_yunet_2023mar.onnx"
FRAMES = 12
STAGES = """\
  capture: {source: "in/*.png"}
  own: {use: classify, input: capture, of: frame, device: cpu, models: [{model: mine.onnx}]FAR}
  list: {use: jsonl_writer, input: own, path: list.jsonl}
"""
FAR = f"engine: agents\nmachines: {{n-0: {{}}}}\nlease_s: 1.5\nnode_wait_s: 30\nstages:\n{STAGES}"
LARGE_BYTES = 200 * 2**20


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A pipeline for one machine and one for two, beside a model and pictures."""
    (tmp_path / "in").mkdir()
    for number in range(FRAMES):
        assert cv2.imwrite(str(tmp_path / "in" / f"{number:02}.png"), of_colour(number % 3, 48, 64, seed=number))
    write_colours(tmp_path / "mine.onnx", colour_card())
    (tmp_path / "alone.yaml").write_text(f"name: p\nstages:\n{STAGES.replace('FAR', '')}")
    (tmp_path / "far.yaml").write_text(f"name: p\n{FAR.replace('FAR', ', on: n-0')}")
    return tmp_path


class Pair:
    """A run, and the agent that has no model."""

    def __init__(self, folder: Path, keys: Path) -> None:
        self._folder, self._keys = folder, keys
        self.join = f"127.0.0.1:{free_port()}"
        self.agent = self.new_agent()
        self.running = Running(
            folder / "far.yaml", folder / "home", "--agents", self.join, "--keys", str(keys), cwd=keys
        )

    def new_agent(self) -> Agent:
        return Agent(self.join, self._keys / "n-0.key", self._folder / "n-0")

    def close(self) -> None:
        if self.running.process.poll() is None:
            self.running.process.kill()
        self.agent.kill()


@pytest.fixture
def pair(folder: Path, keys: Path) -> Iterator[Pair]:
    pair = Pair(folder, keys)
    yield pair
    pair.close()


def lines(out: Path) -> str:
    return (out / "list.jsonl").read_text()


def kept(folder: Path) -> list[Path]:
    return list((folder / "n-0" / ".framewire" / "files").rglob("mine.onnx"))


def assert_as_on_one_machine(folder: Path, pair: Pair) -> None:
    finished = pair.running.finish()
    assert finished.code == 0, finished.stderr
    alone = run(folder / "alone.yaml", folder / "alone")
    assert alone.code == 0, alone.stderr
    assert lines(folder / "home") == lines(folder / "alone")
    assert lines(folder / "home").count('"green"') == FRAMES // 3
    (path,) = kept(folder)
    assert path.read_bytes() == (folder / "mine.onnx").read_bytes()


def test_the_same_lines_as_on_one_machine(folder: Path, pair: Pair) -> None:
    assert_as_on_one_machine(folder, pair)
    assert "fetching mine.onnx" in pair.agent.said()


@in_full
def test_another_file_of_that_name_is_not_used(folder: Path, keys: Path) -> None:
    agent_folder = folder / "elsewhere"
    agent_folder.mkdir()
    (agent_folder / "mine.onnx").write_bytes(b"another")
    pair = Pair(folder, keys)
    try:
        pair.agent.kill()
        pair.agent = Agent(pair.join, keys / "n-0.key", folder / "n-0", cwd=agent_folder)
        assert_as_on_one_machine(folder, pair)
        assert "own: mine.onnx differs from the file at home" in pair.agent.said()
    finally:
        pair.close()


@in_full
def test_the_agent_is_killed_while_it_fetches(folder: Path, keys: Path) -> None:
    write_colours(folder / "mine.onnx", colour_card(), metadata={"padding": "x" * LARGE_BYTES})
    part = folder / "n-0" / ".framewire" / "files"
    pair = Pair(folder, keys)
    try:
        wait_until(lambda: any(one.stat().st_size > LARGE_BYTES // 10 for one in part.glob(f"*{PART}")), "a part")
        pair.agent.kill()
        (begun,) = part.glob(f"*{PART}")
        assert LARGE_BYTES // 10 < begun.stat().st_size < LARGE_BYTES
        pair.agent = pair.new_agent()
        assert_as_on_one_machine(folder, pair)
    finally:
        pair.close()


@in_full
def test_a_model_that_changes_while_it_is_fetched_ends_the_run(folder: Path, keys: Path) -> None:
    write_colours(folder / "mine.onnx", colour_card(), metadata={"padding": "x" * LARGE_BYTES})
    part = folder / "n-0" / ".framewire" / "files"
    pair = Pair(folder, keys)
    try:
        wait_until(lambda: bool(list(part.glob(f"*{PART}"))), "a part")
        write_colours(folder / "mine.onnx", colour_card())
        finished = pair.running.finish()
        assert finished.code == 1
        assert "mine.onnx changes while it is in use" in finished.stderr
        assert "Traceback" not in finished.stderr + pair.agent.said()
    finally:
        pair.close()


@in_full
def test_a_model_in_homes_cache_is_not_downloaded_elsewhere(
    folder: Path, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not YUNET.exists():
        pytest.skip("the shared weights are missing")
    stages = FAR.replace('"in/*.png"', f"demo, limit: {FRAMES}").replace(
        "classify, input: capture, of: frame, device: cpu, models: [{model: mine.onnx}]FAR",
        "face_detect, input: capture, method: dnn, device: cpu, on: n-0",
    )
    (folder / "far.yaml").write_text(stages)
    cached = folder / "me" / ".cache" / "framewire" / "models"
    cached.mkdir(parents=True)
    shutil.copy(YUNET, cached)
    for name in ("FRAMEWIRE_MODELS", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    # Nobody can download anything.
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("HOME", str(folder / "me"))
    pair = Pair(folder, keys)
    try:
        pair.agent.kill()
        monkeypatch.setenv("HOME", str(folder / "other"))
        pair.agent = pair.new_agent()
        finished = pair.running.finish()
        assert finished.code == 0, finished.stderr
        assert lines(folder / "home").count('"face"') >= FRAMES
        assert f"fetching {YUNET.name}" in pair.agent.said()
        assert not list((folder / "other").rglob("*.onnx"))
    finally:
        pair.close()
