"""Installed from a wheel, away from the checkout: the command, and a project whose names clash with ours."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from framewire.pipeline.graph import load_pipeline
from framewire.pipeline.terminal.shipped import shipped_names, starter
from tests.packaging.clashing import FRAMES, write_project
from tests.system.in_full import in_full
from tests.system.running import DEADLINE_S, ROOT

Ways = dict[str, list[str]]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy: a build leaves files in its source tree."""
    copy, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for room in ("framewire", "pipeline", "stages", "models", "configs"):
        shutil.copytree(ROOT / room, copy / room, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, copy)
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", out, copy], check=True
    )
    (built,) = out.glob("framewire-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh virtual environment with the wheel; its dependencies are those of this one. Returns its bin folder."""
    home = tmp_path_factory.mktemp("venv")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", home], check=True)
    python = home / "bin" / "python"
    (site,) = (home / "lib").glob("python3*/site-packages")
    (site / "borrowed.pth").write_text(f"{sysconfig.get_path('purelib')}\n{sysconfig.get_path('platlib')}\n")
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", "--no-index", wheel],
        check=True,
    )
    return home / "bin"


@pytest.fixture
def ways(installed: Path) -> Ways:
    """Each way to start it: from the wheel, and from the checkout."""
    here = Path(sys.executable).parent
    return {
        "wheel": [str(installed / "framewire")],
        "wheel, -m": [str(installed / "python"), "-m", "framewire"],
        "checkout": [str(here / "framewire")],
        "run_pipeline.py": [sys.executable, str(ROOT / "run_pipeline.py")],
    }


def start(command: list[str], *arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    given = [*command, *map(str, arguments)]
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(given, cwd=cwd, capture_output=True, text=True, timeout=DEADLINE_S, env=env)


def test_the_wheel_has_one_name_and_all_that_belongs_to_it(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert len(tops) == 2
    assert "framewire" in tops
    shipped = {f"framewire/configs/{path.name}" for path in (ROOT / "configs").glob("*.yaml")}
    weights = {f"framewire/models/weights/{path.name}" for path in (ROOT / "models" / "weights").iterdir()}
    page = {f"framewire/pipeline/server/page/{path.name}" for path in (ROOT / "pipeline/server/page").iterdir()}
    code = {
        f"framewire/{path.relative_to(ROOT)}"
        for room in ("pipeline", "stages", "models")
        for path in (ROOT / room).rglob("*.py")
    }
    assert {"framewire/__init__.py", "framewire/py.typed", *shipped, *weights, *page, *code} <= set(names)


@pytest.mark.parametrize(
    ("way", "where"),
    [
        ("wheel", "project"),
        ("wheel, -m", "checkout"),
        ("checkout", "project"),
        ("run_pipeline.py", "elsewhere"),
        *(
            pytest.param(*case, marks=in_full)
            for case in (
                ("wheel", "elsewhere"),
                ("wheel, -m", "project"),
                ("checkout", "checkout"),
                ("run_pipeline.py", "project"),
                ("run_pipeline.py", "checkout"),
            )
        ),
    ],
)
def test_a_project_with_modules_named_like_our_rooms(way: str, where: str, ways: Ways, tmp_path: Path) -> None:
    project = tmp_path / "project"
    config = write_project(project, cv2.imencode(".png", np.zeros((8, 8, 3), np.uint8))[1].tobytes())
    cwd = {"project": project, "elsewhere": tmp_path, "checkout": ROOT}[where]
    out = tmp_path / "out"
    done = start(
        ways[way], "run", config if where != "project" else config.name, "--out", out, "--http", "off", cwd=cwd
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in (out / "mine.jsonl").read_text().splitlines()]
    assert len(lines) == FRAMES
    assert all(line["detections"][0]["label"] == "by my own models" for line in lines)
    assert all(line["detections"][0]["score"] == 0.25 for line in lines)


def test_the_demo_and_a_shipped_pipeline_by_name(ways: Ways, tmp_path: Path) -> None:
    done = start(ways["wheel"], "run", "demo", "--set", "capture.limit=5", "--http", "off", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "demo.mp4").stat().st_size > 1000
    assert start(ways["wheel"], "check", "doorway", cwd=tmp_path).returncode == 0
    (tmp_path / "doorway").write_text("stages: {}\n")
    wins = start(ways["wheel"], "check", "doorway", cwd=tmp_path)
    assert (wins.returncode, "the pipeline has no stages" in wins.stderr) == (2, True)


@pytest.mark.parametrize("name", shipped_names())
def test_a_shipped_pipeline_is_a_start_of_ones_own(name: str, tmp_path: Path) -> None:
    text = starter(name)
    assert text.startswith("# ")
    assert "run_pipeline.py" not in text
    (tmp_path / f"{name}.yaml").write_text(text)
    assert load_pipeline(tmp_path / f"{name}.yaml").name == name


def test_init_writes_it_once(ways: Ways, tmp_path: Path) -> None:
    first = start(ways["wheel"], "init", cwd=tmp_path)
    assert (first.returncode, first.stderr) == (0, "")
    assert (tmp_path / "faces.yaml").read_text() == starter("faces")
    again = start(ways["wheel"], "init", cwd=tmp_path)
    assert (again.returncode, again.stderr) == (2, "error: faces.yaml already exists; --force overwrites it\n")
    assert start(ways["wheel"], "init", "--force", cwd=tmp_path).returncode == 0
    wrong = start(ways["wheel"], "init", "door", cwd=tmp_path)
    assert (wrong.returncode, "did you mean 'doorway'?" in wrong.stderr) == (2, True)


def test_the_version(ways: Ways, tmp_path: Path) -> None:
    said = {start(way, "--version", cwd=tmp_path).stdout for way in ways.values()}
    (version,) = said
    assert version.startswith("framewire 0.")


def test_import_framewire_is_cheap_and_brings_nothing_heavy(installed: Path, tmp_path: Path) -> None:
    script = (
        "import sys, framewire; print([m for m in sys.modules if m in ('zmq', 'cv2', 'onnxruntime', 'numpy', 'av')])"
    )
    done = start([str(installed / "python")], "-c", script, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr
    author = "import sys; from framewire import Stage, Source, Sink, stage, Packet, Detection; " + script
    done = start([str(installed / "python")], "-c", author.replace(", 'numpy'", ""), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr


@pytest.mark.parametrize("room", ["pipeline", "stages", "models"])
def test_a_room_refuses_its_bare_name(room: str) -> None:
    done = start([sys.executable], "-c", f"import {room}", cwd=ROOT)
    assert done.returncode == 1
    assert f"'{room}' is framewire.{room}: write `import framewire.{room}`" in done.stderr


def test_a_stage_that_imports_us_by_the_bare_name_is_told_the_right_one(ways: Ways, tmp_path: Path) -> None:
    (tmp_path / "old.py").write_text("from pipeline.stage import Stage\n")
    (tmp_path / "old.yaml").write_text("stages:\n  capture: {}\n  old: {use: 'old:Old', input: capture}\n")
    done = start(ways["wheel"], "check", "old.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert "module old imports pipeline, which is neither beside" in done.stderr
    assert "Framewire's own is framewire.pipeline" in done.stderr
    there = start(ways["checkout"], "check", tmp_path / "old.yaml", cwd=ROOT)
    assert there.returncode == 2
    assert "'pipeline' is framewire.pipeline" in there.stderr


def test_shell_completion_knows_commands_and_shipped_pipelines(ways: Ways, tmp_path: Path) -> None:
    def completed(words: str) -> list[str]:
        env = {**os.environ, "_FRAMEWIRE_COMPLETE": "complete_bash", "COMP_WORDS": words}
        env["COMP_CWORD"] = str(len(words.split()) - (not words.endswith(" ")))
        done = subprocess.run(ways["wheel"], cwd=tmp_path, capture_output=True, text=True, env=env)
        return done.stdout.split()

    assert completed("framewire ru") == ["run"]
    assert completed("framewire mod") == ["models"]
    assert "doorway" in completed("framewire run d")
