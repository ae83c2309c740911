"""A small Caffe network for tests, written field by field as caffe.proto has them."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

GRAPH = """
name: "net"
input: "data"
input_shape {{ dim: 1 dim: 3 dim: {side} dim: {side} }}
layer {{ name: "fc" type: "InnerProduct" bottom: "data" top: "fc" inner_product_param {{ num_output: {count} }} }}
layer {{ name: "prob" type: "Softmax" bottom: "fc" top: "prob" }}
"""


def write_caffe(folder: Path, name: str, weights: NDArray[np.float32], side: int) -> tuple[Path, Path]:
    """Weights (labels, 3 * side * side) and graph: pictures to probabilities, by one layer and softmax."""
    graph, model = folder / f"{name}.prototxt", folder / f"{name}.caffemodel"
    graph.write_text(GRAPH.format(side=side, count=len(weights)))
    blobs = b"".join(_field(7, _blob(values)) for values in (weights, np.zeros(len(weights), np.float32)))
    layer = _field(1, b"fc") + _field(2, b"InnerProduct") + blobs
    model.write_bytes(_field(1, b"net") + _field(100, layer))
    return model, graph


def _blob(values: NDArray[np.float32]) -> bytes:
    shape = b"".join(_varint(1 << 3) + _varint(side) for side in values.shape)
    return _field(5, values.astype("<f4").tobytes()) + _field(7, shape)


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])
