"""A model that is not good is refused when it is loaded, with a text that names the file."""

from pathlib import Path

import numpy as np
import pytest

from models.onnx_session import ModelError, OnnxSession
from models.provider import RuntimeMissingError, choose_provider
from tests.models.nets import write_net


def test_a_good_model_is_loaded_and_asked_in_batches_of_any_size(tmp_path: Path) -> None:
    session = OnnxSession(write_net(tmp_path / "good.onnx", ["batch", 3]), "cpu")
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
        OnnxSession(path, "cpu")


@pytest.mark.parametrize("content", [b"", b"a letter, not a model", b"\x08\x08\x3a\xff\xff\xff\xff\x07"])
def test_a_file_that_is_no_model_or_claims_two_gigabytes(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "letter.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"letter\.onnx"):
        OnnxSession(path, "cpu")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"nothing\.onnx"):
        OnnxSession(tmp_path / "nothing.onnx", "cpu")


def test_an_operator_that_nobody_knows(tmp_path: Path) -> None:
    path = write_net(tmp_path / "strange.onnx", ["batch", 3], operator="Frobnicate")
    with pytest.raises(ModelError, match=r"strange\.onnx.*Frobnicate"):
        OnnxSession(path, "cpu")


def test_a_wrong_rank_and_a_missing_output(tmp_path: Path) -> None:
    session = OnnxSession(write_net(tmp_path / "flat.onnx", ["batch", 3]), "cpu")
    with pytest.raises(ModelError, match=r"flat\.onnx: its input has 2 dimensions, not 4"):
        session.check(rank=4)
    with pytest.raises(ModelError, match=r"flat\.onnx: it has no output boxes, only y"):
        session.check(rank=2, outputs=("boxes",))


def test_an_input_of_another_size_than_the_model_has(tmp_path: Path) -> None:
    session = OnnxSession(write_net(tmp_path / "three.onnx", ["batch", 3]), "cpu")
    with pytest.raises(ModelError, match=r"three\.onnx fails on an input of \(1, 4\)"):
        session.run(np.zeros((1, 4), np.float32))


def test_weights_that_are_not_numbers(tmp_path: Path) -> None:
    session = OnnxSession(write_net(tmp_path / "nan.onnx", ["batch", 3], weight=float("nan")), "cpu")
    with pytest.raises(ModelError, match=r"nan\.onnx: output y is not a number: its weights are spoilt"):
        session.warm_up((1, 3))


CPU, CUDA, OPENVINO = "CPUExecutionProvider", "CUDAExecutionProvider", "OpenVINOExecutionProvider"


@pytest.mark.parametrize(
    ("device", "available", "name", "fallback"),
    [
        ("auto", [CUDA, CPU], CUDA, ""),
        ("auto", [OPENVINO, CPU], OPENVINO, "no cuda here"),
        ("auto", [CPU], CPU, "no cuda or openvino here"),
        ("cpu", [CUDA, CPU], CPU, ""),
    ],
)
def test_the_best_that_is_really_there(device: str, available: list[str], name: str, fallback: str) -> None:
    chosen = choose_provider(device, available)  # type: ignore[arg-type]
    assert (chosen.name, chosen.fallback) == (name, fallback)


def test_a_device_that_is_asked_for_and_absent_is_an_error() -> None:
    with pytest.raises(RuntimeMissingError, match="device cuda is asked for, but this onnxruntime offers cpu alone"):
        choose_provider("cuda", [CPU])
