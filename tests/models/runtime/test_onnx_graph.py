"""What is read of an .onnx file without loading it is what onnxruntime says of it."""

from pathlib import Path

import pytest

from framewire.models.runtime.onnx_file import read_onnx
from framewire.models.runtime.onnx_graph import metadata, output_names
from tests.models.carded import colour_card, write_colours


def test_metadata_and_outputs_are_those_of_onnxruntime(tmp_path: Path) -> None:
    said = {"names": "{0: 'häuser', 1: '猫'}", "": "", "long": "x" * 100_000}
    path = write_colours(tmp_path / "net.onnx", colour_card(), outputs={"colour": 3, "b": 1}, metadata=said)
    file = read_onnx(path)
    assert metadata(path) == file.metadata
    assert set(said) < set(metadata(path))
    assert output_names(path) == [output.name for output in file.outputs] == ["colour", "b"]
    assert [(one.type, one.shape) for one in file.inputs] == [("tensor(float)", ("n", 3, 8, 8))]


@pytest.mark.parametrize("content", [b"", b"noise" * 50, bytes(99), b"\xff" * 99])
def test_a_file_that_is_no_network_says_nothing(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "noise.onnx"
    path.write_bytes(content)
    assert metadata(path) == {}
    assert output_names(path) == []


def test_a_truncated_file_says_no_more_than_it_has(tmp_path: Path) -> None:
    path = write_colours(tmp_path / "net.onnx", colour_card())
    whole, content = metadata(path), path.read_bytes()
    for end in range(0, len(content), 7):
        path.write_bytes(content[:end])
        assert metadata(path) != whole or end > len(content) - 7
        output_names(path)
