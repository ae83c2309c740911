"""A classifier in an .onnx file: described by its card, by the metadata of a known exporter, or by the user."""

from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

from framewire.models.catalogue.card_fit import check_card, check_fit
from framewire.models.catalogue.model_card import ModelCard, card_in
from framewire.models.catalogue.model_entry import Head, ModelInput
from framewire.models.classifiers.asked import Asked, chosen_heads, refuse_contradictions, renamed
from framewire.models.classifiers.classifier import Classifier
from framewire.models.crops.centre_crop import CentreCrop
from framewire.models.crops.face_crop import BoxCrop, FaceCrop
from framewire.models.objects.labels import labels_in
from framewire.models.runtime.network import ModelError, Network
from framewire.models.runtime.onnx_graph import metadata, output_names

SUFFIX = ".onnx"
CARD = "its card"
SCALE = 1 / 255
"""Of a file that says nothing: most take 0 to 1."""


class NoLabelsError(ModelError):
    """A file says nothing of its labels, nor does the user."""


class Described(Struct, frozen=True):
    """What using a file needs. `crop` cuts detections, `whole` cuts whole frames."""

    path: Path
    facts: ModelInput
    heads: tuple[Head, ...]
    crop: FaceCrop
    whole: FaceCrop
    card: ModelCard | None = None


def is_file(model: str) -> bool:
    """Whether a model is named by its file, not by its name in the catalogue."""
    return model.lower().endswith(SUFFIX)


def described(path: Path, asked: Asked) -> Described:
    """What the file's card says, or else the user. Raises WrongCardError, ContradictionError, ModelError."""
    said = _metadata(path)
    card = card_in(said, str(path))
    if card is None:
        return _as_asked(path, asked, said)
    check_card(card, path)
    heads = chosen_heads(card.heads, asked, output_names(path) if asked.output else [], str(path), CARD)
    refuse_contradictions(asked, card.input, heads, card.crop, str(path), CARD)
    facts = _sized(card.input, asked)
    own = asked.cut(max(facts.height, facts.width))
    # A rule for faces says nothing of a whole frame, which goes in as it is.
    whole = BoxCrop() if card.crop is not None else own
    return Described(path, facts, renamed(heads, asked.name), card.crop or own, whole, card)


def classifier_of(file: Described, network: Network) -> Classifier:
    """The network as a classifier, warmed up. Raises WrongCardError, ModelError."""
    if file.card is not None:
        check_fit(file.card, network)
    return Classifier(network, file.facts, file.heads)


def _metadata(path: Path) -> dict[str, str]:
    try:
        return metadata(path)
    except FileNotFoundError as error:
        raise ModelError(f"{path} is not a model that onnxruntime can load: there is no such file") from error
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from error


def _as_asked(path: Path, asked: Asked, said: Mapping[str, str]) -> Described:
    labels, crop = asked.labels, asked.cut(max(asked.height, asked.width))
    if not labels and asked.answer != "value":
        labels = _exported_labels(said)
        if not labels and not output_names(path):
            raise ModelError(f"{path} is not a model that onnxruntime can load: it has no network")
        if not labels:
            raise NoLabelsError(
                f"{path}: it has no card: set `labels` (a file, one label per line), or `answer: value` for a number"
            )
        crop = crop if asked.says_crop else CentreCrop()
    facts = ModelInput(
        height=asked.height,
        width=asked.width,
        order="RGB" if asked.order == "auto" else asked.order,
        mean=asked.mean or (0.0, 0.0, 0.0),
        scale=SCALE if asked.scale is None else asked.scale,
    )
    head = Head(attribute=asked.name or path.stem, labels=labels, output=asked.output, answer=asked.answer)
    return Described(path, facts, (head,), crop, crop)


def _exported_labels(said: Mapping[str, str]) -> tuple[str, ...]:
    """The labels in an export of Ultralytics' classifiers since YOLO v8; none of any other file.

    They take RGB from 0 to 1 of the middle square (ultralytics/data/augment.py, classify_transforms), as is done with
    them here; those of YOLO v5, which want ImageNet's mean, have no `task` in their metadata.
    """
    return labels_in(said) if said.get("task") == "classify" else ()


def _sized(facts: ModelInput, asked: Asked) -> ModelInput:
    """With the size that is asked for where the card leaves it open."""
    return msgspec.structs.replace(facts, height=facts.height or asked.height, width=facts.width or asked.width)
