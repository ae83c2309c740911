"""What an .onnx file says of its graph, without loading it: its outputs, what makes each, and its metadata.

Of the file's protocol buffers (onnx.proto) only the nodes (inputs, outputs and operations), the names of the graph's
outputs and the metadata are read.
"""

import mmap
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

GRAPH, METADATA = 7, 14
"""Fields of ModelProto."""
NODE, OUTPUT = 1, 12
"""Fields of GraphProto."""
VALUE_NAME = 1
"""Field of ValueInfoProto."""
KEY, VALUE = 1, 2
"""Fields of StringStringEntryProto."""
NODE_INPUT, NODE_OUTPUT, NODE_OPERATION = 1, 2, 4
"""Fields of NodeProto."""
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
"""Wire types: protobuf.dev/programming-guides/encoding."""
PASSING_ON = frozenset(
    {
        "Identity",
        "Cast",
        "Reshape",
        "Flatten",
        "Squeeze",
        "Unsqueeze",
        "Transpose",
        "QuantizeLinear",
        "DequantizeLinear",
        "Clip",
        "Dropout",
    }
)
"""Operations that change no value that matters, but its form or precision."""


class _Node(Struct, frozen=True):
    inputs: list[str]
    operation: str


def last_operation(path: Path, output: str) -> str:
    """The operation that makes an output, before any that only pass it on; empty if the file does not say."""
    try:
        makers = dict(_makers(path))
    except (OSError, ValueError, IndexError):
        return ""
    name, seen = output, set[str]()
    while (node := makers.get(name)) is not None and name not in seen:
        if node.operation not in PASSING_ON or not node.inputs:
            return node.operation
        seen.add(name)
        name = node.inputs[0]
    return ""


def metadata(path: Path) -> dict[str, str]:
    """The file's metadata, as onnxruntime gives it; nothing of a file that is no protocol buffer. Raises OSError."""
    try:
        return dict(_entries(path))
    except (ValueError, IndexError):
        return {}


def output_names(path: Path) -> list[str]:
    """The graph's outputs, first one first; none of a file that is no protocol buffer. Raises OSError."""
    try:
        return list(_outputs(path))
    except (ValueError, IndexError):
        return []


def _entries(path: Path) -> Iterator[tuple[str, str]]:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for field, start, end in _parts(data, 0, len(data)):
            if field == METADATA:
                texts = {inner: data[first:after] for inner, first, after in _parts(data, start, end)}
                # Damaged text stays different from any good text, and is refused by whoever reads it.
                key, value = (texts.get(part, b"").decode(errors="surrogateescape") for part in (KEY, VALUE))
                yield key, value


def _outputs(path: Path) -> Iterator[str]:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for field, start, end in _parts(data, 0, len(data)):
            for inner, first, after in _parts(data, start, end) if field == GRAPH else ():
                if inner == OUTPUT:
                    texts = {part: data[at:to] for part, at, to in _parts(data, first, after)}
                    yield texts.get(VALUE_NAME, b"").decode()


def _makers(path: Path) -> Iterator[tuple[str, _Node]]:
    """Each value that a node makes, and the node."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for field, start, end in _parts(data, 0, len(data)):
            if field != GRAPH:
                continue
            for inner, node_start, node_end in _parts(data, start, end):
                if inner == NODE:
                    yield from _values(data, node_start, node_end)


def _values(data: mmap.mmap, start: int, end: int) -> Iterator[tuple[str, _Node]]:
    texts: dict[int, list[str]] = {}
    for field, first, after in _parts(data, start, end):
        if field in (NODE_INPUT, NODE_OUTPUT, NODE_OPERATION):
            texts.setdefault(field, []).append(data[first:after].decode())
    node = _Node(texts.get(NODE_INPUT, []), texts.get(NODE_OPERATION, [""])[0])
    for output in texts.get(NODE_OUTPUT, []):
        yield output, node


def _parts(data: mmap.mmap, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """The fields of a message that have a length: number, where the content begins, where it ends."""
    while at < end:
        key, at = _varint(data, at)
        kind = key & 7
        if kind == VARINT:
            _, at = _varint(data, at)
        elif kind in (FIXED64, FIXED32):
            at += 8 if kind == FIXED64 else 4
        elif kind == BYTES:
            length, at = _varint(data, at)
            yield key >> 3, at, min(at + length, end)
            at += length
        else:
            raise ValueError("not a protocol buffer")


def _varint(data: mmap.mmap, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return value, at
        shift += 7
