"""What files say of themselves is taken where it can be read, and nothing else of it."""

import pytest

from framewire.models.catalogue.coco import COCO_80, COCO_90
from framewire.models.objects.labels import labels_in, side_in


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        ("{0: 'person', 1: 'car'}", ("person", "car")),
        ("['person', 'car']", ("person", "car")),
        ("{1: 'person', 2: 'car'}", ()),
        ("{'a': 'person'}", ()),
        ("person", ()),
        ("__import__('os').abort()", ()),
        ("(" * 5000, ()),
        ("", ()),
    ],
)
def test_labels(names: str, labels: tuple[str, ...]) -> None:
    assert labels_in({"names": names}) == labels


def test_no_labels() -> None:
    assert labels_in({}) == ()


@pytest.mark.parametrize(
    ("written", "side"), [("[480, 640]", (480, 640)), ("640", None), ("[0, 640]", None), ("[640]", None), ("x", None)]
)
def test_sides(written: str, side: tuple[int, int] | None) -> None:
    assert side_in({"imgsz": written}) == side


def test_cocos_numbers() -> None:
    # As in COCO's own list: 1 is a person, 13 a stop sign, 90 a toothbrush; 12 has no pictures.
    assert (COCO_90[0], COCO_90[12], COCO_90[89], COCO_90[11]) == ("person", "stop sign", "toothbrush", "unused 12")
    assert [label for label in COCO_90 if not label.startswith("unused")] == list(COCO_80)
