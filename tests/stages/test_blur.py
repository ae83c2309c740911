"""blur hides what it should, holds what was just seen, and hides whole what nobody has searched."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framewire.pipeline.frame.packet import FRAME, Detection, Packet
from framewire.pipeline.testing import StageRunner
from framewire.stages.blur import Blur

HEIGHT, WIDTH = 120, 160
NOISE = np.random.default_rng(3).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)


def face(x: float = 60, y: float = 40, track: int | None = None) -> Detection:
    return Detection(label="face", box=(x, y, 20, 30), track=track)


def hidden_by(runner: StageRunner, *found: Detection, searched: bool = True) -> Any:
    """Where the picture has changed: bool (height, width)."""
    packet = runner.packet(NOISE).plus(found)
    packet = packet.with_search("face") if searched else packet.without_search("face")
    answer = runner.process(packet)
    assert set(answer.pictures) <= {FRAME}
    return (runner.picture(answer) != NOISE).any(axis=2)


def rectangle(x: float, y: float, width: float, height: float) -> Any:
    wanted = np.zeros((HEIGHT, WIDTH), bool)
    wanted[max(0, int(y)) : max(0, int(y + height) + 1), max(0, int(x)) : max(0, int(x + width) + 1)] = True
    return wanted


@pytest.mark.parametrize("how", ["blur", "pixels", "fill"])
def test_a_box_and_its_margin_are_hidden_and_nothing_else(how: str) -> None:
    with StageRunner(Blur, {"how": how}) as runner:
        changed = hidden_by(runner, face())
    wanted = rectangle(54, 31, 32, 48)
    assert not changed[~wanted].any()
    # A pixel may be the same by chance.
    assert changed[wanted].mean() > 0.99


@given(st.floats(-100, 300), st.floats(-100, 300), st.floats(0.1, 500), st.floats(0.1, 500))
def test_boxes_anywhere(x: float, y: float, width: float, height: float) -> None:
    with StageRunner(Blur, {"margin": 0, "how": "fill"}) as runner:
        changed = hidden_by(runner, Detection(label="face", box=(x, y, width, height)))
    assert not changed[~rectangle(x, y, width, height)].any()


def test_little_of_a_face_is_left() -> None:
    with StageRunner(Blur) as runner:
        answer = runner.process(runner.packet(NOISE).plus([face()]).with_search("face"))
        rows = runner.picture(answer)[31:80, 54:87].astype(float)
    assert np.abs(np.diff(rows, axis=0)).max() < 20 > np.abs(np.diff(rows, axis=1)).max()


def test_of_two_labels() -> None:
    plate = Detection(label="plate", box=(5, 5, 20, 10))
    with StageRunner(Blur, {"of": ["face", "plate"], "margin": 0, "unsearched": "show"}) as runner:
        changed = hidden_by(runner, face(), plate, Detection(label="dog", box=(100, 100, 10, 10)))
    assert changed[10, 15]
    assert changed[50, 70]
    assert not changed[100:110, 100:110].any()


def test_whole_where_no_detector_has_looked() -> None:
    with StageRunner(Blur) as runner:
        answer = runner.process(runner.packet(NOISE))
        assert (runner.picture(answer) != NOISE).any(axis=2).mean() > 0.99
        assert hidden_by(runner, searched=False).mean() > 0.99
        # A tracker has filled it: its boxes say where.
        filled = hidden_by(runner, face(track=1), searched=False)
        assert not filled[~rectangle(54, 31, 32, 48)].any()
        assert not hidden_by(runner, face(track=1))[0].any()


def test_it_may_be_told_to_show_them() -> None:
    with StageRunner(Blur, {"unsearched": "show"}) as runner:
        assert not hidden_by(runner, searched=False).any()


def test_a_box_is_held_for_a_while() -> None:
    with StageRunner(Blur, {"hold": 3}) as runner:
        hidden_by(runner, face())
        for _ in range(3):
            assert hidden_by(runner)[31:80, 54:87].mean() > 0.99
        assert not hidden_by(runner).any()


def test_a_track_that_has_moved_is_not_held_where_it_was() -> None:
    with StageRunner(Blur) as runner:
        hidden_by(runner, face(20, 40, track=1), face(120, 40, track=2))
        changed = hidden_by(runner, face(70, 40, track=1))
    assert changed[50, 80]
    assert changed[50, 130]
    assert not changed[:, 10:50].any()


def test_nothing_is_held_over_a_cut() -> None:
    import msgspec

    with StageRunner(Blur) as runner:
        hidden_by(runner, face())
        packet = msgspec.structs.replace(runner.packet(NOISE).with_search("face"), cut=True)
        assert (runner.picture(runner.process(packet)) == NOISE).all()


def test_its_memory_goes_with_the_stream() -> None:
    with StageRunner(Blur) as runner, StageRunner(Blur) as other:
        hidden_by(runner, face())
        other.stage.remember("stream", runner.stage.memory("stream"))
        assert (hidden_by(other) == hidden_by(runner)).all()


def test_other_pictures_are_taken_out() -> None:
    with StageRunner(Blur) as runner:
        packet: Packet = runner.packet(NOISE).with_search("face")
        packet = packet.with_picture(packet.pictures[FRAME], "grey")
        assert set(runner.process(packet).pictures) == {FRAME}
