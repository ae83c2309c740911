"""A trained file's card comes back as it was written, and one that cannot be read is refused in words."""

import numpy as np
import pytest

from framewire.models.catalogue.model_card import KEY, ModelCard, WrongCardError, card_in, written
from framewire.models.catalogue.model_entry import Head, ModelInput
from framewire.models.crops.face_crop import FER_CROP
from framewire.models.datasets.seen_pictures import SeenPictures


def pictures(count: int) -> list[np.ndarray]:
    noise = np.random.default_rng(5)
    return [noise.integers(0, 256, (6, 5, 3), np.uint8) for _ in range(count)]


def card() -> ModelCard:
    return ModelCard(
        name="digits",
        task="classify",
        net="lenet",
        input=ModelInput(height=32, width=32, order="grey"),
        heads=(Head(attribute="digit", labels=("0", "1")),),
        crop=FER_CROP,
        seen=SeenPictures.of(pictures(3)).as_text(),
    )


def test_round_trip() -> None:
    assert card_in({KEY: written(card())}, "x.onnx") == card()
    assert card_in({"names": "{}"}, "x.onnx") is None


def test_knows_its_training_pictures_by_their_pixels() -> None:
    seen = card().seen_pictures
    shown, other = pictures(4)[:3], pictures(4)[3]
    assert len(seen) == 3
    assert all(picture.copy() in seen for picture in shown)
    assert other not in seen and shown[0].transpose(1, 0, 2) not in seen


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"version": 99}', "\udcff"])
def test_an_unreadable_card_is_refused_by_name(text: str) -> None:
    with pytest.raises(WrongCardError, match=r"mine\.onnx"):
        card_in({KEY: text}, "mine.onnx")


def test_a_card_of_a_later_version_is_refused() -> None:
    text = written(card()).replace('"name"', '"version":2,"name"', 1)
    with pytest.raises(WrongCardError, match="update it"):
        card_in({KEY: text}, "mine.onnx")


def test_a_damaged_list_of_training_pictures_is_refused() -> None:
    broken = written(card()).replace(card().seen, "AAA")
    found = card_in({KEY: broken}, "mine.onnx")
    assert found is not None
    with pytest.raises(WrongCardError, match="digits"):
        _ = found.seen_pictures
