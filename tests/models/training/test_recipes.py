"""The recipes of our own two models, on pictures of noise: from files to a card that says what its file does."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from rich.console import Console

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from framewire.models.catalogue.card_fit import check_card, check_fit  # noqa: E402
from framewire.models.catalogue.model_card import ModelCard, card_in  # noqa: E402
from framewire.models.crops.face_crop import FER_CROP, UTKFACE_CROP  # noqa: E402
from framewire.models.datasets.examples import Source  # noqa: E402
from framewire.models.datasets.utkface import chooses_epoch, is_held_out  # noqa: E402
from framewire.models.runtime.onnx_session import OnnxSession  # noqa: E402
from framewire.models.runtime.provider import Execution  # noqa: E402
from framewire.models.training.age_gender_training import train_age_gender  # noqa: E402
from framewire.models.training.loop.order import Order  # noqa: E402
from framewire.models.training.loop.progress import Progress  # noqa: E402
from framewire.models.training.loop.recipe import OtherTrainingError  # noqa: E402
from framewire.models.training.nets.known_nets import NetName  # noqa: E402
from framewire.models.training.own_training import train_own  # noqa: E402
from tests.models.nets import write_net  # noqa: E402

QUIET = Progress(Console(quiet=True))


def order(data: Path, out: Path, **how: object) -> Order:
    asked = {"name": "mine", "net": NetName.FACE_NET, "size": 0, "epochs": 1, "threads": 1, "device": "cpu"}
    source = Source(data=data, attribute="emotion")
    return Order(**{"source": source, "out": out, **asked, **how})  # type: ignore[arg-type]


def emotions(folder: Path) -> Order:
    rng = np.random.default_rng(0)
    data = folder / "feelings.npz"
    np.savez(data, images=rng.integers(0, 256, (24, 20, 20), np.uint8), labels=np.arange(24) % 2, classes=["b", "a"])
    return order(data, folder / "emotion", task="emotion", colour="grey", crop="fer", size=16)


def card_of(path: Path) -> ModelCard:
    session = OnnxSession(path, Execution("cpu"))
    card = card_in(session.metadata, str(path))
    assert card is not None
    check_card(card, path)
    check_fit(card, session)
    return card


def test_a_net_of_ages_starts_from_one_of_emotions(tmp_path: Path) -> None:
    first = emotions(tmp_path)
    card = card_of(train_own(first, QUIET))
    assert (card.task, card.crop, card.input.order) == ("emotion", FER_CROP, "grey")
    assert card.heads[0].labels == ("b", "a")
    faces = tmp_path / "faces"
    faces.mkdir()
    rng = np.random.default_rng(1)
    names = [f"{number % 90 + 1}_{number % 2}_0_{number}.jpg" for number in range(130)]
    for name in names:
        assert cv2.imwrite(str(faces / name), rng.integers(0, 256, (16, 16, 3), np.uint8))
    asked = order(faces, tmp_path / "ages", task="age-gender", start=first.checkpoint)
    path = train_age_gender(asked, QUIET)
    card = card_of(path)
    held_out = sum(is_held_out(name) for name in names)
    assert (card.task, card.crop) == ("age-gender", UTKFACE_CROP)
    assert [figures.count for figures in card.figures] == [held_out, held_out]
    years, gender = card.figures
    assert years.error is not None and gender.accuracy is not None
    assert np.sum(gender.confusion) == held_out
    choosing = sum(map(chooses_epoch, names))
    assert 0 < choosing < held_out + choosing < len(names)
    assert len(card.seen_pictures) == len(names) - held_out
    assert card.pictures == len(names) - held_out - choosing
    assert "Mean absolute error" in path.with_suffix(".md").read_text()
    with pytest.raises(OtherTrainingError, match="seed 7, not 8"):
        train_age_gender(order(faces, tmp_path / "ages", task="age-gender", start=first.checkpoint, seed=8), QUIET)


def test_only_an_emotion_net_teaches_what_faces_are(tmp_path: Path) -> None:
    first = emotions(tmp_path)
    other = order(first.source.data, tmp_path / "other", size=16)
    train_own(other, QUIET)
    with pytest.raises(ValueError, match="is from task classify"):
        train_age_gender(order(tmp_path, tmp_path / "ages", task="age-gender", start=other.checkpoint), QUIET)


def test_a_card_that_was_filled_in_is_kept(tmp_path: Path) -> None:
    asked = emotions(tmp_path)
    page = train_own(asked, QUIET).with_suffix(".md")
    page.write_text(page.read_text().replace("TO FILL IN", "CC0"))
    filled = page.read_text()
    train_own(asked, QUIET)
    assert page.with_suffix(".earlier.md").read_text() == filled


def test_a_file_that_no_training_made_is_not_replaced(tmp_path: Path) -> None:
    asked = emotions(tmp_path)
    asked.out.mkdir()
    write_net(asked.model, ("n", 3, 4, 4))
    before = asked.model.read_bytes()
    with pytest.raises(ValueError, match="not made by `framewire train`"):
        train_own(asked, QUIET)
    assert asked.model.read_bytes() == before
