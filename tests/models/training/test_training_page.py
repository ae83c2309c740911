"""docs/training.md: its commands, as they stand there, from drawn shapes to results."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from tests.models.training.drawn import KINDS, write_shapes
from tests.system.running import ROOT

PAGE = (ROOT / "docs" / "training.md").read_text()


def commands() -> list[list[str]]:
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    lines = [shlex.split(line, comments=True) for block in blocks for line in block.splitlines()]
    return [line for line in lines if line and line[0] == "framewire"]


def test_the_page_goes_from_training_to_a_run() -> None:
    assert [line[1] for line in commands()] == ["train", "models", "evaluate", "run"]


def test_the_commands_of_the_page_work(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="the extra `train` is not installed")
    shapes = write_shapes(tmp_path / "shapes", 100)
    (yaml,) = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    (tmp_path / "shapes.yaml").write_text(yaml)
    film = cv2.VideoWriter(str(tmp_path / "camera.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 10, (40, 40))
    for number in range(10):
        picture = cv2.imread(str(shapes / KINDS[number % 3] / f"{number}.png"))
        assert picture is not None
        film.write(picture)
    film.release()
    for command in commands():
        done = subprocess.run(
            [sys.executable, str(ROOT / "run_pipeline.py"), *command[1:]],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"
    lines = (tmp_path / "out" / "run" / "shapes.jsonl").read_text().splitlines()
    said = [json.loads(line)["detections"][0]["attributes"]["shape"]["label"] for line in lines]
    assert len(said) == 10
    assert sum(one == KINDS[number % 3] for number, one in enumerate(said)) >= 8
