"""What the documentation shows works as written."""

import re
import subprocess
import sys
import textwrap
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
import yaml

from bench.film import demo_clip
from framewire.pipeline.graph import load_pipeline
from framewire.pipeline.graph.keys import PipelineKeys
from framewire.pipeline.registry import find_stage, known_stages
from framewire.stages.publish.places.known_places import PLACES, place_of
from tests.stages.faces import demo_frame
from tests.system.running import ROOT, Running, lines_in, run, wait_until

STAGES = (ROOT / "docs" / "stages.md").read_text()
README = (ROOT / "README.md").read_text()


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def write_modules(folder: Path) -> None:
    """The Python of docs/stages.md, each block in the file that its docstring names."""
    for block in blocks(STAGES, "python"):
        (name,) = re.findall(r'^"""(\w+\.py)', block)
        (folder / name).write_text(block)


def pipeline_with(word: str, folder: Path) -> Path:
    (config,) = [block for block in blocks(STAGES, "yaml") if word in block]
    path = folder / "example.yaml"
    path.write_text(config)
    return path


def test_the_examples_tests_pass(tmp_path: Path) -> None:
    write_modules(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout


def test_the_example_stage_runs(tmp_path: Path) -> None:
    write_modules(tmp_path)
    finished = run(pipeline_with("blurring:", tmp_path), tmp_path / "out")
    assert finished.code == 0, finished.stderr
    assert (tmp_path / "out" / "hidden.mp4").stat().st_size > 1000


def test_the_example_source_and_sink_lose_nothing_when_they_are_killed(tmp_path: Path) -> None:
    write_modules(tmp_path)
    frames = 60
    np.save(tmp_path / "stack.npy", np.stack([demo_frame(number) for number in range(0, 2 * frames, 2)]))
    config = pipeline_with("stacked:", tmp_path)
    assert run(config, tmp_path / "whole").code == 0
    whole = (tmp_path / "whole" / "detections.csv").read_bytes()
    assert whole.count(b"\n") > frames
    running = Running(config, tmp_path / "out")
    for victim, rows in (("table#0", frames // 3), ("capture#0", frames // 2)):
        wait_until(lambda rows=rows: lines_in(tmp_path / "out" / "detections.csv") > rows, "some rows")  # type: ignore[misc]
        running.worker(victim).kill()
    finished = running.finish()
    assert finished.code == 0, finished.stderr
    assert finished.summary is not None
    assert finished.summary.restarts == 1
    assert (tmp_path / "out" / "detections.csv").read_bytes() == whole


@pytest.mark.parametrize("block", [block for block in blocks(STAGES, "yaml") if not block.startswith("stages:")])
def test_pieces_of_pipelines_are_right_in_a_whole_one(block: str, tmp_path: Path) -> None:
    before = "stages:\n  capture: {source: demo}\n  faces: {use: face_detect, input: capture}\n"
    if "input: people" in block:
        before += "  tracks: {use: track, input: faces}\n"
        before += "  people: {use: classify, input: tracks, models: [{model: framewire-emotion}]}\n"
    last = re.findall(r"^(\w+):", block, re.MULTILINE)[-1]
    read = "faces" if find_stage(yaml.safe_load(block)[last].get("use", last)).kind() == "sink" else last
    sink = f"  list: {{use: jsonl_writer, input: {read}, path: x.jsonl}}\n"
    path = tmp_path / "whole.yaml"
    path.write_text(before + textwrap.indent(block, "  ") + sink)
    assert len(load_pipeline(path).stages) >= 3


PYTHON = (ROOT / "docs" / "python.md").read_text()


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the pipeline, the film and the picture that docs/python.md speaks of."""
    folder = tmp_path_factory.mktemp("people")
    (config,) = blocks(PYTHON, "yaml")
    (folder / "faces.yaml").write_text(config)
    demo_clip(folder / "people.mp4", 640)
    cv2.imwrite(str(folder / "people.jpg"), demo_frame(0))
    return folder


@pytest.mark.parametrize("block", [*blocks(README, "python"), *blocks(PYTHON, "python")])
def test_the_examples_in_python_run(block: str, people: Path) -> None:
    done = subprocess.run([sys.executable, "-c", block], cwd=people, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    assert done.stdout or "crops" in block


def test_every_stage_is_in_the_table() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", STAGES, re.MULTILINE))
    assert rows == {name: find_stage(name).kind() for name in known_stages()}


@pytest.mark.parametrize("config", blocks(README, "yaml"))
def test_the_readmes_pipelines_run(config: str, tmp_path: Path) -> None:
    path = tmp_path / "people.yaml"
    path.write_text(config)
    finished = run(path, tmp_path / "out", "--source", "demo", "--set", "capture.limit=10")
    assert finished.code == 0, finished.stderr
    assert finished.summary is not None
    assert finished.summary.frames.written == 10


def test_every_key_at_the_top_is_in_the_manual() -> None:
    manual = yaml.safe_load((ROOT / "configs" / "faces.yaml").read_text())
    top = {"name", "window", "ring_mb", "restarts", "latency", "max_failed", "durable", "drain_s"}
    assert set(manual) == {*top, "stages"}


def test_every_option_of_every_stage_used_is_in_the_manual() -> None:
    manual = yaml.safe_load((ROOT / "configs" / "faces.yaml").read_text())["stages"]
    for name, keys in manual.items():
        options = find_stage(keys.get("use", name)).Options.__struct_fields__
        # What only the other backend, or a sequence without a rate, would use is documented elsewhere.
        missing = set(options) - set(keys) - {"fourcc", "rate"}
        assert not missing, f"{name} lacks {missing}"


def test_links_lead_somewhere() -> None:
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for link in re.findall(r"\]\(([^)#]+)\)", path.read_text()):
            if "://" not in link:
                assert (path.parent / link).exists(), f"{path.name}: {link}"


PUBLISH = (ROOT / "docs" / "publish.md").read_text()


@pytest.mark.parametrize("config", blocks(PUBLISH, "yaml"))
def test_the_pipelines_that_publish_load(config: str, tmp_path: Path) -> None:
    path = tmp_path / "published.yaml"
    path.write_text(config)
    assert any(stage.use == "publish" for stage in load_pipeline(path).stages)


MACHINES = (ROOT / "docs" / "machines.md").read_text()


@pytest.mark.parametrize("config", blocks(MACHINES, "yaml"))
def test_the_pipelines_on_several_machines_load(config: str, tmp_path: Path) -> None:
    path = tmp_path / "machines.yaml"
    path.write_text(config)
    spec = load_pipeline(path)
    assert spec.engine != "local"
    assert len(spec.machines) > 1


def test_every_key_of_several_machines_is_in_the_table() -> None:
    keys = {"engine", "machines", "lease_s", "node_wait_s", "links"}
    assert keys <= {field.name for field in msgspec.structs.fields(PipelineKeys)}
    assert set(re.findall(r"^\| `(\w+)` \|", MACHINES, re.M)) == keys


def test_every_place_is_in_the_table_with_its_settings_and_its_default() -> None:
    lines = [line for line in PUBLISH.splitlines() if line.startswith("| `") and "://" in line]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    told = {scheme: row for row in rows for scheme in re.findall(r"`(\w+)://", row[0])}
    assert set(told) == set(PLACES) - {"postgres"}
    for scheme, (_, extra, where, settings) in told.items():
        place = place_of(f"{scheme}://x")
        assert place.library[1] in extra
        assert f"`{place.default}`" in where or not place.default
        for name in place.Settings.__struct_fields__:
            assert f"`{name}`" in settings
