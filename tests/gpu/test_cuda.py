"""What only a machine with an NVIDIA GPU can show. One command runs it all: `python -m pytest tests/gpu`."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import psutil
import pytest

from framewire.models.catalogue.entries import find_entry
from framewire.models.classifiers.answer import Answer
from framewire.models.classifiers.classifier import Classifier
from framewire.models.classifiers.load_classifier import load_classifier
from framewire.models.runtime.gpu import gpu_missing
from framewire.models.runtime.onnx_session import OnnxSession
from framewire.models.runtime.provider import Execution, load_runtime
from framewire.models.store.model_store import ModelStore
from tests.models.nets import write_net
from tests.system.running import ROOT, framewire, run

CUDA = "CUDAExecutionProvider"


def _missing() -> str:
    if missing := gpu_missing():
        return missing
    if find_spec("onnxruntime") is None:
        return 'onnxruntime is not installed: pip install "framewire[gpu]"'
    if CUDA not in load_runtime().get_available_providers():
        return 'this onnxruntime is built without CUDA: pip install "framewire[gpu]" in its place'
    return ""


MISSING = _missing()
pytestmark = pytest.mark.skipif(bool(MISSING), reason=MISSING)

BATCHES = 10_000
SIDE = 120


def classifier(name: str, execution: Execution) -> Classifier:
    return load_classifier(find_entry(name), ModelStore(), execution)


def answers_of(classifier: Classifier, crops: list[np.ndarray]) -> list[dict[str, Answer]]:
    return classifier.classify(crops)


def near(one: float | None, other: float | None) -> bool:
    return one == other if one is None or other is None else one == pytest.approx(other, rel=1e-3, abs=1e-3)


def memory_in_use() -> int:
    """Of the first GPU, in bytes."""
    pynvml = pytest.importorskip("pynvml", reason="the extra `gpu` is not installed")
    pynvml.nvmlInit()
    return int(pynvml.nvmlDeviceGetMemoryInfo(pynvml.nvmlDeviceGetHandleByIndex(0)).used)


@pytest.mark.parametrize("name", ["framewire-age-gender", "framewire-emotion"])
@pytest.mark.parametrize("device", ["auto", "cuda"])
def test_our_networks_really_run_on_cuda(name: str, device: str) -> None:
    loaded = classifier(name, Execution(device))  # type: ignore[arg-type]
    assert loaded.provider == CUDA


@pytest.mark.parametrize("name", ["framewire-age-gender", "framewire-emotion"])
@pytest.mark.parametrize("count", [1, 3, 17, 64])
def test_the_answers_are_those_of_the_cpu(name: str, count: int) -> None:
    rng = np.random.default_rng(count)
    crops = [rng.integers(0, 256, (SIDE, SIDE, 3), np.uint8) for _ in range(count)]
    on_gpu = answers_of(classifier(name, Execution("cuda")), crops)
    on_cpu = answers_of(classifier(name, Execution("cpu")), crops)
    for one, other in zip(on_gpu, on_cpu, strict=True):
        assert one.keys() == other.keys()
        for attribute, answer in one.items():
            expected = other[attribute]
            assert answer.label == expected.label
            assert near(answer.score, expected.score)
            assert near(answer.value, expected.value)


def test_memory_stays_flat_over_ten_thousand_batches_of_any_size(tmp_path: Path) -> None:
    session = OnnxSession(write_net(tmp_path / "net.onnx", ["batch", 3, 64, 64]), Execution("cuda"))
    session.warm_up((1, 3, 64, 64))
    rng, process = np.random.default_rng(0), psutil.Process()
    batch = rng.random((64, 3, 64, 64)).astype(np.float32)
    gpu = rss = 0
    for number in range(BATCHES):
        size = int(rng.integers(1, 65))
        (answer,) = session.run(batch[:size])
        assert answer.shape[0] == size
        if number == BATCHES // 10:
            gpu, rss = memory_in_use(), process.memory_info().rss
    assert memory_in_use() - gpu < 32 * 2**20
    assert process.memory_info().rss - rss < 32 * 2**20


def without_gpu(script: str) -> subprocess.CompletedProcess[str]:
    """Run a script that sees no GPU, though the driver is there."""
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    return subprocess.run([sys.executable, "-c", script], env=environment, cwd=ROOT, capture_output=True, text=True)


def test_a_gpu_that_is_asked_for_and_absent(tmp_path: Path) -> None:
    net = write_net(tmp_path / "net.onnx", ["batch", 3])
    load = (
        "from pathlib import Path; from framewire.models.runtime.onnx_session import OnnxSession; "
        "from framewire.models.runtime.provider import Execution; "
        f"session = OnnxSession(Path({str(net)!r}), Execution(DEVICE)); print(session.provider, session.fallback)"
    )
    asked = without_gpu(load.replace("DEVICE", "'cuda'"))
    assert asked.returncode != 0
    assert "cuda cannot be used: no NVIDIA GPU; use device: auto to allow a fallback" in asked.stderr
    left_open = without_gpu(load.replace("DEVICE", "'auto'"))
    assert left_open.stdout == "CPUExecutionProvider cuda cannot be used: no NVIDIA GPU\n"


def test_a_pipeline_runs_on_the_gpu_and_says_so(tmp_path: Path) -> None:
    finished = run(ROOT / "configs" / "demo.yaml", tmp_path, "--set", "capture.limit=100")
    assert finished.code == 0, finished.stderr
    assert finished.summary is not None
    assert finished.summary.frames.written == 100
    facts = [how for stage in finished.summary.stages.values() for how in stage.facts.values()]
    assert sum(f"runs on {CUDA}" in how for how in facts) >= 2
    checked = framewire("check", "configs/demo.yaml")
    assert f"runs on {CUDA}" in checked.stdout


def test_the_measurement_of_inference_runs_on_it() -> None:
    """A few seconds of it: what it says is for people to read."""
    script = (
        "import bench.inference as measured; measured.BATCHES = (1, 8); measured.SECONDS = 0.1; "
        "found = measured.inference('cuda'); assert len(found.rounds) == 4, found"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
