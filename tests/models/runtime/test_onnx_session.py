"""A bad model is rejected when it is loaded, with a message that names the file."""

from pathlib import Path

import numpy as np
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framewire.models.runtime.gpu import gpu_missing
from framewire.models.runtime.network import ModelError
from framewire.models.runtime.onnx_session import OnnxSession
from framewire.models.runtime.padding import padded, padded_size
from framewire.models.runtime.provider import Execution, RuntimeMissingError, candidates
from tests.models.nets import write_net

CPU_ALONE = Execution("cpu")


def test_a_good_model_is_loaded_and_asked_in_batches_of_any_size(tmp_path: Path) -> None:
    session = OnnxSession(write_net(tmp_path / "good.onnx", ["batch", 3]), CPU_ALONE)
    session.check(rank=2, outputs=("y",))
    assert session.input_shape == (None, 3)
    assert session.provider == "CPUExecutionProvider"
    for size in (1, 4, 7):
        batch = np.arange(3 * size, dtype=np.float32).reshape(size, 3)
        (answer,) = session.run(batch)
        assert (answer == 2 * batch).all()


def test_a_file_that_is_cut_short(tmp_path: Path) -> None:
    path = write_net(tmp_path / "cut.onnx", ["batch", 3])
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(ModelError, match=r"cut\.onnx is not a model that onnxruntime can load"):
        OnnxSession(path, CPU_ALONE)


@pytest.mark.parametrize("content", [b"", b"a letter, not a model", b"\x08\x08\x3a\xff\xff\xff\xff\x07"])
def test_a_file_that_is_no_model_or_claims_two_gigabytes(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "letter.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"letter\.onnx"):
        OnnxSession(path, CPU_ALONE)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"nothing\.onnx"):
        OnnxSession(tmp_path / "nothing.onnx", CPU_ALONE)


def test_an_operator_that_nobody_knows(tmp_path: Path) -> None:
    path = write_net(tmp_path / "strange.onnx", ["batch", 3], operator="Frobnicate")
    with pytest.raises(ModelError, match=r"strange\.onnx.*Frobnicate"):
        OnnxSession(path, CPU_ALONE)


def test_a_wrong_rank_and_a_missing_output(tmp_path: Path) -> None:
    session = OnnxSession(write_net(tmp_path / "flat.onnx", ["batch", 3]), CPU_ALONE)
    with pytest.raises(ModelError, match=r"flat\.onnx: its input has 2 dimensions, not 4"):
        session.check(rank=4)
    with pytest.raises(ModelError, match=r"flat\.onnx: it has no output boxes, only y"):
        session.check(rank=2, outputs=("boxes",))


def test_an_input_of_another_size_than_the_model_has(tmp_path: Path) -> None:
    session = OnnxSession(write_net(tmp_path / "three.onnx", ["batch", 3]), CPU_ALONE)
    with pytest.raises(ModelError, match=r"three\.onnx fails on an input of \(1, 4\)"):
        session.run(np.zeros((1, 4), np.float32))


def test_weights_that_are_not_numbers(tmp_path: Path) -> None:
    session = OnnxSession(write_net(tmp_path / "nan.onnx", ["batch", 3], weight=float("nan")), CPU_ALONE)
    with pytest.raises(ModelError, match=r"nan\.onnx: output y is not finite: the weights are corrupt"):
        session.warm_up((1, 3))


@given(st.integers(1, 500))
def test_a_padded_batch_is_no_smaller_and_wastes_less_than_half(count: int) -> None:
    size = padded_size(count)
    assert count <= size < 2 * count or size == 1 or size - count < 64
    assert padded_size(size) == size
    rows = np.random.default_rng(count).random((count, 2)).astype(np.float32)
    assert (padded(rows)[:count] == rows).all()
    assert not padded(rows)[count:].any()


def test_padding_does_not_show_in_the_answers(tmp_path: Path) -> None:
    path = write_net(tmp_path / "good.onnx", ["batch", 3])
    plain, pads = OnnxSession(path, CPU_ALONE), OnnxSession(path, CPU_ALONE, pads=True)
    pads.warm_up((1, 3))
    for size in (1, 3, 5, 70):
        batch = np.random.default_rng(size).random((size, 3)).astype(np.float32)
        assert (pads.run(batch)[0] == plain.run(batch)[0]).all()


def test_memory_stays_flat_over_ten_thousand_batches(tmp_path: Path) -> None:
    """Of sizes from 1 to 64, in any order."""
    session = OnnxSession(write_net(tmp_path / "good.onnx", ["batch", 300]), CPU_ALONE)
    rng, process = np.random.default_rng(0), psutil.Process()
    batches = [rng.random((size, 300)).astype(np.float32) for size in range(1, 65)]
    before = 0
    for number in range(10_000):
        session.run(batches[rng.integers(64)])
        if number == 1000:
            before = process.memory_info().rss
    assert process.memory_info().rss - before < 4 * 2**20


CPU, CUDA, TENSORRT = "CPUExecutionProvider", "CUDAExecutionProvider", "TensorrtExecutionProvider"


@pytest.mark.parametrize(
    ("execution", "available", "devices"),
    [
        (Execution("auto"), [TENSORRT, CUDA, CPU], ["cuda", "cpu"]),
        (Execution("auto"), [CPU], ["cpu"]),
        (Execution("cpu"), [CUDA, CPU], ["cpu"]),
        (Execution("cuda"), [CUDA, CPU], ["cuda"]),
        (Execution("tensorrt", precision="float16"), [TENSORRT, CUDA, CPU], ["tensorrt"]),
    ],
)
def test_what_is_tried_and_in_which_order(
    execution: Execution, available: list[str], devices: list[str], tmp_path: Path
) -> None:
    assert [candidate.device for candidate in candidates(execution, available, tmp_path)] == devices


def test_engines_are_kept(tmp_path: Path) -> None:
    (candidate,) = candidates(Execution("tensorrt", precision="float16"), [TENSORRT], tmp_path)
    assert candidate.options["trt_engine_cache_path"] == str(tmp_path)
    assert (candidate.options["trt_engine_cache_enable"], candidate.options["trt_fp16_enable"]) == ("1", "1")


def test_a_device_that_is_asked_for_and_absent_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeMissingError, match="device cuda was requested, but this onnxruntime offers only cpu"):
        candidates(Execution("cuda"), [CPU], tmp_path)
    with pytest.raises(RuntimeMissingError, match="precision float16 is for device tensorrt"):
        candidates(Execution("cpu", precision="float16"), [CPU], tmp_path)


@pytest.mark.skipif(not gpu_missing(), reason="there is a GPU here")
def test_where_there_is_no_gpu_nobody_claims_one(tmp_path: Path) -> None:
    session = OnnxSession(write_net(tmp_path / "good.onnx", ["batch", 3]), Execution("auto"))
    assert session.provider == CPU
    assert "without CUDA" in session.fallback or "cuda cannot be used: no NVIDIA" in session.fallback
