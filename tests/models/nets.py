"""Small networks for tests, good ones and bad ones, made with the onnx package."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def write_net(
    path: Path, shape: Sequence[int | str], weight: float = 2.0, operator: str = "Mul", outputs: Sequence[str] = ("y",)
) -> Path:
    """A network that multiplies its input by a number."""
    constant = numpy_helper.from_array(np.array(weight, np.float32), "w")
    nodes = [helper.make_node(operator, ["x", "w"], [name]) for name in outputs]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(shape))],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape)) for name in outputs],
        [constant],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    onnx.save(model, str(path))
    return path
