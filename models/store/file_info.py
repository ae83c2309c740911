"""What is known of an .onnx file: its card, or else what its inputs, outputs and metadata say."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from framewire.models.catalogue.card_fit import check_card, check_fit
from framewire.models.catalogue.model_card import KEY, HeadFigures, ModelCard, WrongCardError, card_in
from framewire.models.catalogue.model_entry import Head
from framewire.models.catalogue.model_file import sha256_of
from framewire.models.crops.crop_words import crop_words
from framewire.models.plain_text import plain
from framewire.models.runtime.onnx_file import OnnxFile, Tensor, read_onnx
from framewire.models.runtime.onnx_session import OnnxSession
from framewire.models.runtime.provider import Execution

SHOWN_LABELS = 20
SHOWN_LETTERS = 300
"""Of a metadata entry: some hold whole documents."""

Rows = list[tuple[str, str]]


def rows_of(path: Path) -> tuple[Rows, str]:
    """Headings and texts, and what is wrong with its card, or an empty text. Raises CannotLoadError, OSError."""
    file = read_onnx(path)
    rows, wrong = [("file", str(path))], ""
    try:
        card = card_in(file.metadata, str(path))
        if card is None:
            rows.append(("card", "none: `classify` needs `labels` and how pictures go in, see docs/stages.md"))
        else:
            rows += _of_card(card)
            check_card(card, path)
            check_fit(card, OnnxSession(path, Execution("cpu")))
    except WrongCardError as error:
        wrong = str(error)
    rows += _of_file(file)
    rows += [("size", f"{path.stat().st_size} bytes"), ("sha256", sha256_of(path))]
    return [(heading, plain(text)) for heading, text in rows], wrong


def _of_card(card: ModelCard) -> Iterator[tuple[str, str]]:
    asked = card.input
    yield "model", card.name
    yield "task", card.task
    yield "net", card.net
    side = f"{asked.height} x {asked.width}" if asked.height and asked.width else "any size"
    mean = ", ".join(f"{value:g}" for value in asked.mean)
    yield "input", f"{side}, {asked.order}, mean {mean}, scale {asked.scale:.6g}"
    for head in card.heads:
        yield head.attribute, _labels(head)
    yield "crop", crop_words(card.crop)
    yield "trained on", f"{card.pictures} pictures" + (f" of {card.data}" if card.data else "")
    yield "known again", _known_again(card)
    for figures in card.figures:
        yield f"{figures.attribute} held out", _figures(figures)
    yield "bits", str(card.bits)
    if card.trained_with:
        yield "trained with", card.trained_with


def _known_again(card: ModelCard) -> str:
    try:
        count = len(card.seen_pictures)
    except WrongCardError as error:
        return f"none: {error}"
    if not count:
        return "none: `evaluate` cannot leave them out"
    return f"{count} different pictures, which `evaluate` leaves out: with those that chose the epoch"


def _labels(head: Head) -> str:
    if not head.labels:
        return "a number"
    more = len(head.labels) - SHOWN_LABELS
    shown = ", ".join(head.labels[:SHOWN_LABELS]) + (f", and {more} more" if more > 0 else "")
    return f"years, in {shown}" if head.kind == "age" else shown


def _figures(figures: HeadFigures) -> str:
    told = [] if figures.accuracy is None else [f"{figures.accuracy:.2%} right"]
    told += [] if figures.error is None else [f"{figures.error:.3g} apart on average"]
    return f"{', '.join(told) or 'no figures'}, of {figures.count} pictures"


def _of_file(file: OnnxFile) -> Iterator[tuple[str, str]]:
    yield "inputs", _tensors(file.inputs)
    yield "outputs", _tensors(file.outputs)
    for key, value in file.metadata.items():
        if key != KEY:
            yield "metadata", f"{key}: {value[:SHOWN_LETTERS]}{'...' if len(value) > SHOWN_LETTERS else ''}"


def _tensors(tensors: Iterable[Tensor]) -> str:
    return "; ".join(
        f"{one.name} {one.type.removeprefix('tensor(').removesuffix(')')} "
        f"({', '.join('any' if side is None else str(side) for side in one.shape)})"
        for one in tensors
    )
