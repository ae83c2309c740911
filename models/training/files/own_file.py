"""From a trained net to one .onnx with its card, checked against the net and measured as the file that it is."""

import warnings
from collections.abc import Callable, Sequence
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
from framewire.models.catalogue.model_entry import Head
from framewire.models.datasets.examples import UNKNOWN
from framewire.models.training.files.quantise import quantise

OPSET = 17
ENTRANCE = "pictures"
CLOSE = 1e-4
"""Largest difference between the file's and the net's scores above which export fails."""
HOLDS = 0.005
"""Of accuracy: as much as eight bits may cost."""
HOLDS_YEARS = 0.1
"""Of a mean error in years, likewise."""
SAMPLES = 512
"""Training pictures that calibrate the 8-bit ranges."""
ROUND = 256
OPERATIONS = ("Conv", "Add", "Gemm")
"""That have weights, or join what has: these become 8-bit."""

Bits = Literal["32", "8", "auto"]


class ExportError(CannotLoadError):
    """The file does not say what the net says."""


class WholeModel(nn.Module):
    """What is exported: pictures (n, channels, side, side) of 0..255 to the answers of each of `outputs`."""

    outputs: tuple[str, ...]


class OwnModel(WholeModel):
    """To the scores of each head, which add up to one; with two views, the mean of a picture and its mirror image."""

    def __init__(self, net: nn.Module, outputs: Sequence[str], two_views: bool = False) -> None:
        super().__init__()
        self.net = net
        self.outputs = tuple(outputs)
        self.two_views = two_views

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """(n, channels, side, side) -> (n, labels) of each head."""
        seen = x / 127.5 - 1
        if not self.two_views:
            answers = self.net(seen)
            return tuple(answers[output].softmax(1) for output in self.outputs)
        answers = self.net(torch.cat([seen, seen.flip(-1)]))
        both = [answers[output].softmax(1).chunk(2) for output in self.outputs]
        return tuple((one + other) / 2 for one, other in both)


class Sample(msgspec.Struct, frozen=True):
    """Inputs (n, channels, side, side), uint8, and labels (n, heads): of a head that tells ages, years."""

    inputs: NDArray[np.uint8]
    labels: NDArray[np.int64]


def write_own(
    model: WholeModel,
    card: ModelCard,
    shown: Sample,
    held_out: Sample,
    path: Path,
    bits: Bits,
    tell: Callable[[str], None],
) -> ModelCard:
    """Write the model into `path`, in eight bits if these are as good; returns the card with its figures.

    `shown` are training pictures; the card's heads are the model's outputs, in order. Raises ExportError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    whole, small = path.with_suffix(".float32.onnx"), path.with_suffix(".int8.onnx")
    model = model.cpu().eval().to(memory_format=torch.contiguous_format)
    samples = shown.inputs[:: max(1, len(shown.inputs) // SAMPLES)][:SAMPLES].astype(np.float32)
    try:
        _export(model, samples[:2], whole)
        _compare(model, samples, whole)
        figures, kept, width = figures_of(whole, card, held_out), whole, 32
        if bits != "32" and _quantised(whole, samples, small, bits, tell):
            eight = figures_of(small, card, held_out)
            holds = all(_holds(one, other) for one, other in zip(eight, figures, strict=True))
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


def _quantised(whole: Path, samples: NDArray[np.float32], small: Path, bits: Bits, tell: Callable[[str], None]) -> bool:
    """Whether eight bits can be had at all. Raises ExportError if not, and they are asked for."""
    try:
        quantise(whole, samples, small, ENTRANCE, OPERATIONS)
    except Exception as error:
        # Each version of the quantiser raises its own; hours of training must not end without a file.
        if bits == "8":
            raise ExportError(f"it cannot be quantised: {error}") from error
        tell(f"warning: it cannot be quantised ({error}): 32 bits kept")
        return False
    return True


def put_card(path: Path, card: ModelCard) -> None:
    """Write a card into the metadata of an .onnx file."""
    model = onnx.load(str(path))
    onnx.helper.set_model_props(model, {KEY: written(card)})
    onnx.save(model, str(path))


def figures_of(path: Path, card: ModelCard, held_out: Sample) -> tuple[HeadFigures, ...]:
    """Of each head, by running the file on the held-out pictures."""
    session = _session(path)
    names = [head.output for head in card.heads]
    said: list[list[NDArray[np.float32]]] = [[] for _ in names]
    for start in range(0, len(held_out.inputs), ROUND):
        given = held_out.inputs[start : start + ROUND].astype(np.float32)
        for one, numbers in zip(said, session.run(names, {ENTRANCE: given}), strict=True):
            one.append(numbers)
    return tuple(
        _figures(head, held_out.labels[:, number], np.concatenate(said[number]))
        for number, head in enumerate(card.heads)
    )


def _figures(head: Head, wanted: NDArray[np.int64], numbers: NDArray[np.float32]) -> HeadFigures:
    """A mean error for ages; for others accuracy and confusion, of the pictures that have a label."""
    known = wanted != UNKNOWN
    count = int(known.sum())
    if head.kind == "age":
        apart = np.abs(numbers[known, 0] - wanted[known])
        return HeadFigures(attribute=head.attribute, count=count, error=float(apart.mean()) if count else None)
    confusion = np.zeros((len(head.labels), len(head.labels)), int)
    np.add.at(confusion, (wanted[known], numbers.argmax(1)[known]), 1)
    return HeadFigures(
        attribute=head.attribute,
        count=count,
        accuracy=float(confusion.trace() / count) if count else None,
        confusion=tuple(tuple(int(one) for one in row) for row in confusion),
    )


def _export(model: WholeModel, samples: NDArray[np.float32], path: Path) -> None:
    outputs = list(model.outputs)
    with warnings.catch_warnings():
        # The exporter by tracing is called old; the newer needs a further library, and the result is the same.
        warnings.simplefilter("ignore")
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


def _compare(model: WholeModel, samples: NDArray[np.float32], path: Path) -> None:
    session = _session(path)
    with torch.inference_mode():
        wanted = model(torch.from_numpy(samples))
    told = session.run(list(model.outputs), {ENTRANCE: samples})
    # Years go to a hundred, scores to one.
    apart = max(
        float((np.abs(one - other.numpy()) / np.maximum(1, np.abs(one))).max())
        for one, other in zip(told, wanted, strict=True)
    )
    if not apart <= CLOSE:
        raise ExportError(f"the exported file differs from the net by {apart:.2g}, more than {CLOSE:g}")


def _session(path: Path) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def _holds(eight: HeadFigures, whole: HeadFigures) -> bool:
    if whole.error is not None and eight.error is not None:
        return eight.error <= whole.error + HOLDS_YEARS
    return (eight.accuracy or 0.0) >= (whole.accuracy or 0.0) - HOLDS


def _choice(whole: tuple[HeadFigures, ...], eight: tuple[HeadFigures, ...], holds: bool, bits: Bits) -> str:
    told = ", ".join(
        f"{one.attribute} {one.measured} with 32 bits, {other.measured} with 8"
        for one, other in zip(whole, eight, strict=True)
    )
    if bits == "8":
        return f"{told}: 8 bits, as asked"
    return f"{told}: " + ("8 bits kept" if holds else "8 bits cost too much, 32 kept")
