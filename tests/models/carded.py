"""Networks that carry a card, small enough to know their answers: each head scores the colours of a picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from framewire.models.catalogue.model_card import KEY, ModelCard, written
from framewire.models.catalogue.model_entry import Head, ModelInput

COLOURS = ("blue", "green", "red")
TYPES = {"float": TensorProto.FLOAT, "float16": TensorProto.FLOAT16, "uint8": TensorProto.UINT8}
SIDE = 8


def colour_card(**changes: object) -> ModelCard:
    """Of a network on BGR of 0 to 255 that tells which colour is strongest."""
    plain = ModelCard(
        name="colours",
        task="classify",
        net="lenet",
        input=ModelInput(height=SIDE, width=SIDE, order="BGR"),
        heads=(Head(attribute="colour", labels=COLOURS, output="colour"),),
        data="drawn.zip",
        pictures=3,
    )
    return msgspec.structs.replace(plain, **changes)


def write_colours(
    path: Path,
    card: ModelCard | str | None = None,
    *,
    outputs: Mapping[str, int] | Sequence[str] = ("colour",),
    shape: Sequence[int | str] = ("n", 3, SIDE, SIDE),
    kind: str = "float",
    metadata: Mapping[str, str] | None = None,
) -> Path:
    """A network whose outputs are each a picture's mean colours, repeated up to as many numbers as are asked for.

    An output whose count is negative has the mean colours in reverse.
    """
    counts = dict(outputs) if isinstance(outputs, Mapping) else dict.fromkeys(outputs, 3)
    axes = [1, 2] if shape[3] in (1, 3) and shape[1] not in (1, 3) else [2, 3]
    nodes = [
        helper.make_node("Cast", ["x"], ["f"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["f"], ["mean"], axes=axes, keepdims=0),
    ]
    constants = []
    for name, count in counts.items():
        places = np.arange(abs(count)) % (shape[1] if axes == [2, 3] else shape[3])  # type: ignore[operator]
        constants.append(numpy_helper.from_array(places[::-1].copy() if count < 0 else places, f"of_{name}"))
        nodes.append(helper.make_node("Gather", ["mean", f"of_{name}"], [name], axis=1))
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TYPES[kind], list(shape))],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [shape[0], abs(count)])
            for name, count in counts.items()
        ],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    said = dict(metadata or {})
    if card is not None:
        said[KEY] = card if isinstance(card, str) else written(card)
    helper.set_model_props(model, said)
    onnx.save(model, str(path))
    return path


def of_colour(label: int, height: int = 20, width: int = 30, seed: int = 0) -> np.ndarray:
    """Noise in which one colour is stronger: uint8, BGR."""
    pixels = np.random.default_rng(seed).integers(0, 140, (height, width, 3), np.uint8)
    pixels[..., label] += 90
    return pixels
