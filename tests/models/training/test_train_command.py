"""`framewire train` from the command line: from pictures to a file that says the same as the net."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.models.training.drawn import KINDS, write_shapes
from tests.system.running import ROOT

QUICK = ("--epochs", "60", "--size", "24", "--threads", "1", "--device", "cpu")


def train(*words: str | Path, **more: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "run_pipeline.py"), "train", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **more)  # type: ignore[call-overload]


def test_without_pytorch_one_line_says_how_to_get_it(tmp_path: Path) -> None:
    script = (
        "import sys, importlib.util; find = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name: None if name == 'torch' else find(name)\n"
        "from framewire.models.training.command import train; import typer\n"
        "sys.argv = ['train', '.']; typer.run(train)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "pip install torch --index-url https://download.pytorch.org/whl/cpu" in line


class TestWithPyTorch:
    @pytest.fixture(autouse=True)
    def _torch(self) -> None:
        pytest.importorskip("torch", reason="the extra `train` is not installed")

    def test_shapes_are_learned_and_the_file_says_all_of_itself(self, tmp_path: Path) -> None:
        from framewire.models.catalogue.model_card import card_in
        from framewire.models.classifiers.classifier import Classifier
        from framewire.models.datasets.labelled_pictures import read_classes
        from framewire.models.runtime.onnx_session import OnnxSession
        from framewire.models.runtime.provider import Execution

        shapes = write_shapes(tmp_path / "shapes", 80)
        done = train(shapes, "--net", "lenet", *QUICK, "--attribute", "shape", "--out", tmp_path / "out")
        assert done.returncode == 0, done.stderr
        session = OnnxSession(tmp_path / "out" / "shapes.onnx", Execution("cpu"))
        card = card_in(session.metadata, "shapes.onnx")
        assert card is not None
        assert card.heads[0].labels == KINDS
        # A tenth of what is not held out chooses the epoch: not new to the file either.
        assert (card.pictures, len(card.seen_pictures)) == (174, 192)
        assert "chosen by 18 other pictures" in card.trained_with
        (figures,) = card.figures
        assert figures.count == 48
        assert figures.accuracy is not None
        assert figures.accuracy >= 0.9
        # What a pipeline does with the file gives the figures on the card.
        data = read_classes(shapes)
        held_out = [
            (one, label) for one, label in zip(data.pictures, data.labels, strict=True) if one not in card.seen_pictures
        ]
        answers = Classifier(session, card.input, card.heads).classify([one for one, _ in held_out])
        right = [answer["shape"].label == KINDS[label] for answer, (_, label) in zip(answers, held_out, strict=True)]
        assert np.mean(right) == pytest.approx(figures.accuracy)
        assert f"held out: shape {figures.accuracy:.2%} of 48 pictures, {card.bits} bits" in done.stdout
        page = (tmp_path / "out" / "shapes.md").read_text()
        assert f"Accuracy {figures.accuracy:.2%}" in page
        again = train(shapes, "--net", "resnet", *QUICK, "--attribute", "shape", "--out", tmp_path / "out")
        assert again.returncode == 1
        assert "is from another training (net lenet, not resnet)" in again.stderr

    def test_killed_in_an_epoch_it_ends_as_if_it_had_not_been(self, tmp_path: Path) -> None:
        shapes = write_shapes(tmp_path / "shapes", 60)
        words = [str(shapes), "--net", "lenet", "--epochs", "6", "--size", "16", "--threads", "1", "--bits", "32"]
        whole = train(*words, "--out", tmp_path / "whole")
        assert whole.returncode == 0, whole.stderr
        command = [sys.executable, "-u", str(ROOT / "run_pipeline.py"), "train", *words, "--out", str(tmp_path / "out")]
        killed = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert killed.stdout is not None
        for line in killed.stdout:
            if line.startswith("epoch 3"):
                killed.send_signal(signal.SIGKILL)
        assert killed.wait() == -signal.SIGKILL
        rest = train(*words, "--out", tmp_path / "out")
        assert rest.returncode == 0, rest.stderr
        assert "resuming in epoch" in rest.stdout

        def told(text: str) -> list[str]:
            return re.findall(r"^(epoch 6 .*) \(", text, re.MULTILINE)

        assert told(rest.stdout) == told(whole.stdout) != []

    def test_ctrl_c_says_how_to_go_on(self, tmp_path: Path) -> None:
        shapes = write_shapes(tmp_path / "shapes", 20)
        words = [str(shapes), "--net", "lenet", "--epochs", "500", "--threads", "1", "--out", str(tmp_path / "out")]
        command = [sys.executable, "-u", str(ROOT / "run_pipeline.py"), "train", *words]
        running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert running.stdout is not None
        for line in running.stdout:
            if line.startswith("epoch 2"):
                running.send_signal(signal.SIGINT)
        assert running.stderr is not None
        assert "the same command resumes from there" in running.stderr.read()
        assert running.wait() == 130
