"""From trained nets to the ONNX file that Framewire loads: 0..255 in, answers out, eight bits."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from framewire.models.training.files.quantise import quantise

OPSET = 17
CLOSE = 0.05
"""Mean difference between the file's and the nets' probabilities above which export fails."""


class EmotionModel(nn.Module):
    """Grey crops (n, 1, 48, 48) of 0..255 to emotion probabilities, the mean of crop and mirror image."""

    outputs = ("emotion",)

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        """(n, 1, h, w) -> (n, 7)."""
        crops = x / 127.5 - 1
        both = torch.cat([crops, crops.flip(-1)])
        one, other = self.net(both)["emotion"].softmax(1).chunk(2)
        return (one + other) / 2


class AgeGenderModel(nn.Module):
    """Crops (n, 3, 64, 64) of 0..255, BGR, to years (n, 1) and probabilities of male, female (n, 2).

    The mean of several nets, each with its own input size.
    """

    outputs = ("years", "gender")

    def __init__(self, nets: Sequence[tuple[nn.Module, int]]) -> None:
        super().__init__()
        self.nets = nn.ModuleList([net for net, _ in nets])
        self.sides = [side for _, side in nets]

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(n, 3, h, w) -> (n, 1), (n, 2)."""
        crops = x / 127.5 - 1
        ages, genders = [], []
        for net, side in zip(self.nets, self.sides, strict=True):
            seen = crops
            if side != x.shape[-1]:
                seen = functional.interpolate(crops, size=(side, side), mode="bilinear", align_corners=False)
            answers = net(seen)
            ages.append(answers["age"].softmax(1))
            genders.append(answers["gender"].softmax(1))
        years = torch.arange(ages[0].shape[1], dtype=torch.float32)
        of_age = torch.stack(ages).mean(0)
        return (of_age * years).sum(1, keepdim=True), torch.stack(genders).mean(0)


def export(model: EmotionModel | AgeGenderModel, crops: NDArray[np.float32], path: Path) -> None:
    """Write the model with a free first axis, and check that it agrees with the nets on these training crops.

    `crops` (some hundreds, channels, side, side) also calibrate the 8-bit ranges.
    """
    model = model.eval().to(memory_format=torch.contiguous_format)
    whole = path.with_suffix(".float32.onnx")
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        model,
        (torch.from_numpy(crops[:3]),),
        str(whole),
        input_names=["crops"],
        output_names=list(model.outputs),
        dynamic_axes={name: {0: "n"} for name in ("crops", *model.outputs)},
        opset_version=OPSET,
        dynamo=False,
    )
    quantise(whole, crops, path)
    whole.unlink()
    _compare(model, crops, path)


def _compare(model: EmotionModel | AgeGenderModel, crops: NDArray[np.float32], path: Path) -> None:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (told,) = session.run(model.outputs[-1:], {"crops": crops})
    with torch.inference_mode():
        answers = model(torch.from_numpy(crops))
    wanted = answers[-1] if isinstance(answers, tuple) else answers
    apart = float(np.abs(told - wanted.numpy()).mean())
    if apart > CLOSE:
        raise ValueError(f"{path} disagrees with the nets it was made from: {apart:.3f} apart")
