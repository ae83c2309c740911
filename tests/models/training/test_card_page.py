"""The card as a page, and what a training is asked for: no PyTorch needed."""

from pathlib import Path

import pytest

from framewire.models.catalogue.model_card import HeadFigures, ModelCard
from framewire.models.catalogue.model_entry import Head, ModelInput
from framewire.models.crops.face_crop import FER_CROP
from framewire.models.datasets.examples import Source
from framewire.models.training.files.card_page import card_page
from framewire.models.training.loop.order import Order
from framewire.models.training.nets.known_nets import KNOWN_NETS, NetName


def order(**changes: object) -> Order:
    asked = {"source": Source(data=Path("a/pets")), "out": Path("out"), "name": "pets", "net": NetName.LENET}
    return Order(**{**asked, "size": 0, "epochs": 0, **changes})  # type: ignore[arg-type]


def test_the_page_has_the_figures_and_the_confusion() -> None:
    card = ModelCard(
        name="pets",
        task="classify",
        net="lenet",
        input=ModelInput(height=32, width=32, order="BGR"),
        heads=(Head(attribute="kind", labels=("cat", "dog|wolf")),),
        crop=FER_CROP,
        figures=(HeadFigures(attribute="kind", count=10, accuracy=0.7, confusion=((4, 1), (2, 3))),),
    )
    page = card_page(card, "framewire train pets")
    assert "Accuracy 70.00%" in page
    assert "| | cat | dog\\|wolf | right |" in page
    assert "| **cat** | 4 | 1 | 80.0% |" in page
    assert "a square of 1.02 times the box's height" in page
    assert page.count("TO FILL IN") == 2


@pytest.mark.parametrize("net", list(NetName))
def test_a_size_below_the_nets_least_is_refused(net: NetName) -> None:
    assert order(net=net).side == KNOWN_NETS[net].size
    assert order(net=net, size=KNOWN_NETS[net].least).side == KNOWN_NETS[net].least
    with pytest.raises(ValueError, match=f"at least {KNOWN_NETS[net].least} pixels"):
        _ = order(net=net, size=KNOWN_NETS[net].least - 1).side


def test_digits_are_not_mirrored_and_faces_are() -> None:
    assert not order().mirrors(grey=True)
    assert order().mirrors(grey=False)
    assert order(crop="fer").mirrors(grey=True)
    assert not order(crop="fer", mirror=False).mirrors(grey=True)


def test_what_is_called_left_is_not_shown_as_right() -> None:
    assert not order().mirrors(False, ["arrow_Left", "arrow_up"])
    assert order().mirrors(False, ["bright", "dark"])
    assert order(mirror=True).mirrors(False, ["left", "right"])


def test_few_pictures_are_seen_more_often() -> None:
    assert order().epochs_of(steps=500) == KNOWN_NETS[NetName.LENET].epochs
    assert order().epochs_of(steps=20) == 50
    assert order(epochs=3).epochs_of(steps=20) == 3


def test_the_command_on_the_card_has_no_paths() -> None:
    told = order(source=Source(data=Path("/home/me/pets"), held_out=Path("/home/me/more")), mirror=False).command
    assert told == (
        "framewire train pets --task classify --net lenet --size 32 --seed 7 --val more --attribute class --no-mirror"
    )
    assert order(source=Source(data=Path("my pets"), attribute="what is it?")).command == (
        "framewire train 'my pets' --task classify --net lenet --size 32 --seed 7 --attribute 'what is it?'"
    )
