"""The nets in an exported file, to be trained further: the file is all that is kept of them."""

from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import nn

from framewire.models.training.face_net import FaceNet


class NotOursError(ValueError):
    """A file was not exported from these nets."""


def reread(path: Path, nets: dict[str, FaceNet]) -> None:
    """Fill nets with the weights that an exported file has under their names, such as `nets.0`. Raises NotOursError.

    Eight bits become floats again. The file's convolutions hold their batch norms' scale and shift: these become
    norms that change nothing but may learn.
    """
    graph = onnx.load(path).graph
    values = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    for node in graph.node:
        if node.op_type == "DequantizeLinear" and all(name in values for name in node.input):
            values[node.output[0]] = _floats(*(values[name] for name in node.input))
    for prefix, net in nets.items():
        found = 0
        for node in graph.node:
            if node.op_type not in ("Conv", "Gemm") or not node.name.startswith(f"/{prefix}/"):
                continue
            _fill(net, _path_of(node.name, prefix), [values[name] for name in node.input[1:]])
            found += 1
        wanted = sum(isinstance(one, nn.Conv2d | nn.Linear) for one in net.modules())
        if found != wanted:
            raise NotOursError(f"{path}: {prefix} has {found} layers, and its net {wanted}")
        net.eval()


def _path_of(name: str, prefix: str) -> str:
    """`levels.0.body.0` of `/nets.0/levels/levels.0/body/body.0/Conv`; `heads.age` of `/nets.0/age/Gemm`."""
    parts = name.removeprefix(f"/{prefix}/").split("/")[:-1]
    if len(parts) == 1:
        return f"heads.{parts[0]}"
    path = ""
    for part in parts:
        before, _, last = path.rpartition(".")
        # `levels/levels.0` is one module, named twice.
        path = f"{before if part.split('.')[0] == last else path}.{part}".lstrip(".")
    return path


def _fill(net: FaceNet, path: str, values: list[NDArray[np.float32]]) -> None:
    layer = net.get_submodule(path)
    assert isinstance(layer, nn.Conv2d | nn.Linear)
    weight, bias = (torch.from_numpy(np.array(value, np.float32)) for value in values)
    if layer.weight.shape != weight.shape:
        raise NotOursError(f"{path} is {tuple(weight.shape)} in the file, and {tuple(layer.weight.shape)} in the net")
    with torch.no_grad():
        layer.weight.copy_(weight)
        if layer.bias is not None:
            layer.bias.copy_(bias)
            return
        parent, _, number = path.rpartition(".")
        norm = net.get_submodule(f"{parent}.{int(number) + 1}")
        assert isinstance(norm, nn.BatchNorm2d)
        norm.weight.fill_(1.0)
        norm.bias.copy_(bias)
        norm.running_mean.zero_()  # type: ignore[union-attr]
        norm.running_var.fill_(1.0 - norm.eps)  # type: ignore[union-attr]


def _floats(numbers: NDArray[np.int8], scale: NDArray[np.float32], zero: NDArray[np.int8]) -> NDArray[np.float32]:
    """Of weights (out, ...), by output channel."""
    shape = (-1, *[1] * (numbers.ndim - 1)) if scale.ndim else ()
    return (numbers.astype(np.float32) - zero.astype(np.float32).reshape(shape)) * scale.reshape(shape)
