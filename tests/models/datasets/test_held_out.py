"""Parting pictures: those to train on, those that choose the epoch, those that are measured."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framewire.models.datasets.examples import Examples
from framewire.models.datasets.held_out import Parting, part
from tests.models.datasets.test_examples import COUNT, folder_of, noise, read


def test_where_there_are_both_one_part_chooses_and_the_other_measures(tmp_path: Path) -> None:
    for number, (name, count) in enumerate({"train": COUNT, "val": 3, "test": 4}.items()):
        folder_of(tmp_path / "pets" / name, count=count, seed=20 * number)
    # A picture to choose by that is trained on, too, and one that is measured.
    cv2.imwrite(str(tmp_path / "pets" / "val" / "cat" / "trained.png"), noise(1, seed=0)[0])
    cv2.imwrite(str(tmp_path / "pets" / "val" / "cat" / "measured.png"), noise(1, seed=40)[0])
    examples = read(tmp_path / "pets")
    parting = part(examples)
    assert (len(parting.train), len(parting.validation), len(parting.held_out)) == (2 * COUNT - 1, 7, 8)
    assert {examples.parts[one] for one in parting.held_out} == {"test"}
    assert_apart(examples, parting)
    assert parting.remarks == [
        "1 validation pictures are also held out; they choose nothing",
        "1 training pictures also choose the epoch; they are not trained on",
    ]


def test_a_validation_part_that_is_the_training_part_leaves_nothing_to_learn(tmp_path: Path) -> None:
    for name, seed in {"train": 0, "val": 0, "test": 40}.items():
        folder_of(tmp_path / "pets" / name, seed=seed)
    with pytest.raises(ValueError, match="no picture to train on that is not also held out or for validation"):
        part(read(tmp_path / "pets"))


def assert_apart(examples: Examples, parting: Parting) -> None:
    """No picture is in two parts."""
    parts = [set(examples.hashes[one].tolist()) for one in (parting.train, parting.validation, parting.held_out)]
    assert sum(map(len, parts)) == len(set().union(*parts))


def examples_of(rows: list[tuple[int, int, int]], heads: int) -> Examples:
    """Of each row hash and labels."""
    return Examples(
        pictures=np.zeros((len(rows), 1, 1, 3), np.uint8),
        labels=np.array([row[1 : 1 + heads] for row in rows], np.int64),
        hashes=np.array([row[0] for row in rows], np.uint64),
        parts=[""] * len(rows),
        classes={"abcd"[head]: tuple(str(one) for one in range(3)) for head in range(heads)},
        grey=False,
        order="",
        broken=[],
        unanswered=0,
    )


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 2), st.integers(-1, 2)), min_size=15, max_size=90),
    st.integers(1, 2),
)
def test_whatever_there_is_no_picture_is_in_two_parts_and_each_class_is_learned_and_measured(
    rows: list[tuple[int, int, int]], heads: int
) -> None:
    examples = examples_of(rows, heads)
    try:
        parting = part(examples)
    except ValueError:
        return
    assert_apart(examples, parting)
    for place in range(heads):
        for one in (parting.train, parting.held_out):
            assert set(examples.labels[one, place].tolist()) >= {0, 1, 2}


def test_a_rare_answer_is_learned_rather_than_chosen_by() -> None:
    # The second head's class 2 has five pictures: two with low hashes, which would choose, three held out.
    rows = [(number, number % 3, 0 if number % 2 else 1) for number in range(3, 90)]
    plain = part(examples_of([(*row[:2], 0) for row in rows], 1))
    choosing = examples_of(rows, 1).hashes[plain.validation].tolist()
    measured = examples_of(rows, 1).hashes[plain.held_out].tolist()
    rare = {*choosing[:2], *measured[:3]}
    examples = examples_of([(one, first, 2 if one in rare else second) for one, first, second in rows], 2)
    parting = part(examples)
    assert examples.hashes[parting.train][examples.labels[parting.train, 1] == 2].tolist() == sorted(choosing[:2])
    assert_apart(examples, parting)
