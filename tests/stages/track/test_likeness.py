"""A face is found again by its likeness, to a fraction of a pixel."""

import numpy as np
import pytest

from framewire.models.box import overlap
from framewire.pipeline.frame.packet import Detection
from framewire.pipeline.testing import StageRunner
from framewire.stages.track import Track
from framewire.stages.track.likeness import find, likeness_of
from tests.stages.faces import demo_frame

PORTRAIT = demo_frame(0)
FACE = (300, 250, 120, 130)


@pytest.mark.parametrize(("across", "down"), [(0, 0), (40, -30), (-55, 60), (7, 3)])
def test_what_has_moved_is_found(across: int, down: int) -> None:
    likeness = likeness_of(PORTRAIT, FACE)
    assert likeness is not None
    moved = np.roll(PORTRAIT, (down, across), axis=(0, 1))
    found = find(moved, FACE, likeness)
    assert found == pytest.approx((FACE[0] + across, FACE[1] + down, FACE[2], FACE[3]), abs=3)


def test_something_else_is_not_taken_for_it() -> None:
    likeness = likeness_of(PORTRAIT, FACE)
    assert likeness is not None
    noise = np.random.default_rng(0).integers(0, 256, PORTRAIT.shape, np.uint8)
    assert find(noise, FACE, likeness) is None
    assert find(np.full_like(PORTRAIT, 90), FACE, likeness) is None


@pytest.mark.parametrize("box", [(-100, -100, 60, 60), (1270, 710, 90, 90), (0, 0, 0.2, 0.2), (5000, 5000, 50, 50)])
def test_boxes_at_the_edge_and_beyond_do_no_harm(box: tuple[float, float, float, float]) -> None:
    likeness = likeness_of(PORTRAIT, FACE)
    assert likeness is not None
    likeness_of(PORTRAIT, box)
    find(PORTRAIT, box, likeness)


def test_a_face_that_turns_back_is_still_followed_where_motion_alone_would_lose_it() -> None:
    """It goes right for fifteen frames, then left; only every fifth frame is searched."""
    places = [300 + 9 * seq if seq < 15 else 300 + 9 * (30 - seq) for seq in range(24)]
    overlaps = []
    with StageRunner(Track) as runner:
        for seq, x in enumerate(places):
            picture = np.roll(PORTRAIT, x - FACE[0], axis=1)
            packet = runner.packet(picture, seq)
            true = (float(x), 250.0, 120.0, 130.0)
            if seq % 5:
                (one,) = runner.process(packet.without_search("face")).detections
                overlaps.append(overlap(one.box, true))
            else:
                runner.process(packet.plus([Detection(label="face", box=true, score=0.9)]))
    assert min(overlaps) > 0.75
