"""What an .onnx file takes and gives, of whatever kind it is: for people to read, before it is used."""

from pathlib import Path

from msgspec import Struct

from framewire.models.runtime.network import ModelError
from framewire.models.runtime.provider import load_runtime


class Tensor(Struct, frozen=True):
    """An input or output: `shape` has names or None where a dimension is free."""

    name: str
    type: str
    shape: tuple[int | str | None, ...]


class OnnxFile(Struct, frozen=True):
    """All inputs and outputs, and the metadata."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    metadata: dict[str, str]


def read_onnx(path: Path) -> OnnxFile:
    """Loads it as a run would, on the CPU. Raises ModelError, RuntimeMissingError."""
    runtime = load_runtime()
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    try:
        session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        # onnxruntime raises its own class for each kind of failure, all under Exception.
        reason = " ".join(str(error).split())
        raise ModelError(f"{path} is not a model that onnxruntime can load: {reason[:1000]}") from error
    inputs, outputs = (
        tuple(Tensor(one.name, one.type, tuple(one.shape or ())) for one in tensors)
        for tensors in (session.get_inputs(), session.get_outputs())
    )
    return OnnxFile(inputs, outputs, dict(session.get_modelmeta().custom_metadata_map))
