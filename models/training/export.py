"""From a trained net to the ONNX file that Framewire loads: 0..255 in, answers out, weights at half precision."""

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

OPSET = 17
LARGE = 256
"""Arrays of at least this many values are stored as float16, and made float32 again when the model is loaded."""


class EmotionModel(nn.Module):
    """Grey crops (n, 1, 48, 48) of 0..255 to probabilities of the emotions."""

    outputs = ("emotion",)

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        """(n, 1, h, w) -> (n, 7)."""
        return self.net(x / 127.5 - 1)["emotion"].softmax(1)


class AgeGenderModel(nn.Module):
    """Crops (n, 3, 64, 64) of 0..255, BGR, to years (n, 1) and probabilities of male, female (n, 2)."""

    outputs = ("years", "gender")

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(n, 3, h, w) -> (n, 1), (n, 2)."""
        answers = self.net(x / 127.5 - 1)
        years = torch.arange(answers["age"].shape[1], dtype=torch.float32)
        return (answers["age"].softmax(1) * years).sum(1, keepdim=True), answers["gender"].softmax(1)


def export(model: EmotionModel | AgeGenderModel, channels: int, size: int, path: Path) -> None:
    """Write the model with a free first axis, and see that it says what the net says."""
    model = model.eval().to(memory_format=torch.contiguous_format)
    example = torch.rand(3, channels, size, size) * 255
    whole = path.with_suffix(".float32.onnx")
    torch.onnx.export(
        model,
        (example,),
        str(whole),
        input_names=["crops"],
        output_names=list(model.outputs),
        dynamic_axes={name: {0: "n"} for name in ("crops", *model.outputs)},
        opset_version=OPSET,
        dynamo=False,
    )
    halved = halve(onnx.load(str(whole)))
    whole.unlink()
    onnx.save(halved, str(path))
    _compare(model, example, path)


def halve(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with its large arrays stored as float16."""
    casts = []
    for array in list(model.graph.initializer):
        values = numpy_helper.to_array(array)
        if values.dtype != np.float32 or values.size < LARGE:
            continue
        half = numpy_helper.from_array(values.astype(np.float16), array.name + "_half")
        model.graph.initializer.remove(array)
        model.graph.initializer.append(half)
        casts.append(helper.make_node("Cast", [half.name], [array.name], to=TensorProto.FLOAT))
    for cast in reversed(casts):
        model.graph.node.insert(0, cast)
    onnx.checker.check_model(model)
    return model


def _compare(model: nn.Module, example: Tensor, path: Path) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    with torch.inference_mode():
        wanted = model(example)
    for ours, theirs in zip(
        session.run(None, {"crops": example.numpy()}), wanted if isinstance(wanted, tuple) else (wanted,), strict=True
    ):
        # Half precision has eleven bits: years to a few hundredths.
        np.testing.assert_allclose(ours, theirs.numpy(), rtol=2e-2, atol=2e-2)
