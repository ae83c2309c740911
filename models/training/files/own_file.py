"""From a trained net to one .onnx with its card, checked against the net and measured as the file that it is."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from framewire.models.cannot_load import CannotLoadError
from framewire.models.catalogue.model_card import KEY, HeadFigures, ModelCard, written
from framewire.models.datasets.examples import UNKNOWN
from framewire.models.training.files.quantise import quantise

OPSET = 17
ENTRANCE = "pictures"
CLOSE = 1e-4
"""Largest difference between the file's and the net's scores above which export fails."""
HOLDS = 0.005
"""Of accuracy: as much as eight bits may cost."""
SAMPLES = 512
"""Training pictures that calibrate the 8-bit ranges."""
ROUND = 256
OPERATIONS = ("Conv", "Add", "Gemm")
"""That have weights, or join what has: these become 8-bit."""

Bits = Literal["32", "8", "auto"]


class ExportError(CannotLoadError):
    """The file does not say what the net says."""


class OwnModel(nn.Module):
    """Pictures (n, channels, side, side) of 0..255 to the scores of each head, which add up to one."""

    def __init__(self, net: nn.Module, heads: list[str]) -> None:
        super().__init__()
        self.net = net
        self.heads = heads

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """(n, channels, side, side) -> (n, labels) of each head."""
        answers = self.net(x / 127.5 - 1)
        return tuple(answers[head].softmax(1) for head in self.heads)


class Sample(msgspec.Struct, frozen=True):
    """Inputs (n, channels, side, side), uint8, and labels (n, heads)."""

    inputs: NDArray[np.uint8]
    labels: NDArray[np.int64]


def write_own(
    net: nn.Module,
    card: ModelCard,
    shown: Sample,
    held_out: Sample,
    path: Path,
    bits: Bits,
    tell: Callable[[str], None],
) -> ModelCard:
    """Write the net into `path`, in eight bits if these are as good; returns the card with its figures.

    `shown` are training pictures. Raises ExportError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    whole, small = path.with_suffix(".float32.onnx"), path.with_suffix(".int8.onnx")
    model = OwnModel(net, [head.output for head in card.heads]).eval().to(memory_format=torch.contiguous_format)
    samples = shown.inputs[:: max(1, len(shown.inputs) // SAMPLES)][:SAMPLES].astype(np.float32)
    try:
        _export(model, samples[:2], whole)
        _compare(model, samples, whole)
        figures, kept, width = figures_of(whole, card, held_out), whole, 32
        if bits != "32":
            quantise(whole, samples, small, ENTRANCE, OPERATIONS)
            eight = figures_of(small, card, held_out)
            holds = all(_share(one) >= _share(other) - HOLDS for one, other in zip(eight, figures, strict=True))
            tell(_choice(figures, eight, holds, bits))
            if holds or bits == "8":
                figures, kept, width = eight, small, 8
        done = msgspec.structs.replace(card, figures=figures, bits=width)
        put_card(kept, done)
        kept.replace(path)
    finally:
        whole.unlink(missing_ok=True)
        small.unlink(missing_ok=True)
    return done


def put_card(path: Path, card: ModelCard) -> None:
    """Write a card into the metadata of an .onnx file."""
    model = onnx.load(str(path))
    onnx.helper.set_model_props(model, {KEY: written(card)})
    onnx.save(model, str(path))


def figures_of(path: Path, card: ModelCard, held_out: Sample) -> tuple[HeadFigures, ...]:
    """Accuracy and confusion of each head, by running the file on the held-out pictures."""
    session = _session(path)
    names = [head.output for head in card.heads]
    said: list[list[NDArray[np.intp]]] = [[] for _ in names]
    for start in range(0, len(held_out.inputs), ROUND):
        given = held_out.inputs[start : start + ROUND].astype(np.float32)
        for one, scores in zip(said, session.run(names, {ENTRANCE: given}), strict=True):
            one.append(scores.argmax(1))
    figures = []
    for number, head in enumerate(card.heads):
        wanted, told = held_out.labels[:, number], np.concatenate(said[number])
        known = wanted != UNKNOWN
        confusion = np.zeros((len(head.labels), len(head.labels)), int)
        np.add.at(confusion, (wanted[known], told[known]), 1)
        count = int(known.sum())
        figures.append(
            HeadFigures(
                attribute=head.attribute,
                count=count,
                accuracy=float(confusion.trace() / count) if count else None,
                confusion=tuple(tuple(int(one) for one in row) for row in confusion),
            )
        )
    return tuple(figures)


def _export(model: OwnModel, samples: NDArray[np.float32], path: Path) -> None:
    outputs = list(model.heads)
    torch.onnx.export(
        model,
        (torch.from_numpy(samples),),
        str(path),
        input_names=[ENTRANCE],
        output_names=outputs,
        dynamic_axes={name: {0: "n"} for name in (ENTRANCE, *outputs)},
        opset_version=OPSET,
        dynamo=False,
    )


def _compare(model: OwnModel, samples: NDArray[np.float32], path: Path) -> None:
    session = _session(path)
    with torch.inference_mode():
        wanted = model(torch.from_numpy(samples))
    told = session.run(model.heads, {ENTRANCE: samples})
    apart = max(float(np.abs(one - other.numpy()).max()) for one, other in zip(told, wanted, strict=True))
    if not apart <= CLOSE:
        raise ExportError(f"the exported file disagrees with the net by {apart:.2g}, more than {CLOSE:g}")


def _session(path: Path) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def _share(figures: HeadFigures) -> float:
    return figures.accuracy or 0.0


def _choice(whole: tuple[HeadFigures, ...], eight: tuple[HeadFigures, ...], holds: bool, bits: Bits) -> str:
    told = ", ".join(
        f"{one.attribute} {_share(one):.2%} with 32 bits, {_share(other):.2%} with 8"
        for one, other in zip(whole, eight, strict=True)
    )
    if bits == "8":
        return f"{told}: 8 bits, as asked"
    return f"{told}: " + ("8 bits kept" if holds else "more than half a point lost, 32 bits kept")
