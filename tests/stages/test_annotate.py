import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.packet import FRAME, Attribute, Detection
from pipeline.testing import StageRunner
from stages.annotate import Annotate, caption, caption_place, luminance, readable_on

FACE = Detection(label="face", box=(20, 30, 40, 50), id="faces.0")
EYE = Detection(label="eye", box=(25, 40, 10, 8), id="eyes.0", parent="faces.0")


def test_the_tutorials_boxes_to_the_pixel() -> None:
    picture = np.full((120, 160, 3), 90, np.uint8)
    expected = picture.copy()
    cv2.rectangle(expected, (20, 30), (60, 80), (0, 0, 255), 2)
    cv2.rectangle(expected, (25, 40), (35, 48), (0, 255, 0), 1)
    with StageRunner(Annotate, {"captions": False}) as runner:
        packet = runner.packet(picture).plus([FACE, EYE])
        drawn = runner.process(packet)
        assert (runner.picture(drawn) == expected).all()
        # What was seen before is untouched.
        assert (runner.picture(packet) == picture).all()
        assert drawn.detections == packet.detections


def test_without_detections_nothing_is_copied() -> None:
    with StageRunner(Annotate) as runner:
        packet = runner.packet(np.zeros((20, 20, 3), np.uint8))
        assert runner.process(packet).pictures[FRAME] == packet.pictures[FRAME]


def test_styles_of_ones_own() -> None:
    with StageRunner(Annotate, {"styles": {"face": {"color": "#0000ff", "caption": False}}}) as runner:
        drawn = runner.picture(runner.process(runner.packet(np.zeros((120, 160, 3), np.uint8)).plus([FACE])))
    assert drawn[30, 40].tolist() == [255, 0, 0]


sides = st.floats(-200, 900)


@given(st.tuples(sides, sides, sides, sides), st.integers(1, 300), st.integers(1, 60), st.integers(1, 9))
def test_captions_stay_inside(box: tuple[float, float, float, float], width: int, height: int, thickness: int) -> None:
    left, top = caption_place(box, (width, height), (640, 480), thickness)
    assert 0 <= left <= 640 - width
    assert 0 <= top <= 480 - height


def test_a_caption_stands_above_its_box_where_there_is_room() -> None:
    assert caption_place((100, 100, 50, 50), (60, 20), (640, 480), 2) == (99, 79)
    assert caption_place((100, 5, 50, 50), (60, 20), (640, 480), 2) == (99, 6)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (5, 300), (641, 359)])
def test_any_size_of_picture(width: int, height: int) -> None:
    with StageRunner(Annotate) as runner:
        packet = runner.packet(np.zeros((height, width, 3), np.uint8)).plus([FACE, EYE])
        assert runner.picture(runner.process(packet)).shape == (height, width, 3)


def test_what_a_caption_says() -> None:
    full = Detection(
        label="face",
        box=(0, 0, 1, 1),
        score=0.914,
        track=3,
        attributes={
            "gender": Attribute("Male"),
            "age": Attribute("(25-32)", value=28.6),
            "mood": Attribute("fröhlich"),
        },
    )
    assert caption(full) == "face #3 91%: Male, 29, fr?hlich"


@given(st.tuples(st.integers(0, 255), st.integers(0, 255), st.integers(0, 255)))
def test_text_is_readable_on_its_plate(color: tuple[int, int, int]) -> None:
    one, two = luminance(color), luminance(readable_on(color))
    assert (max(one, two) + 0.05) / (min(one, two) + 0.05) >= 4.5


def test_luminance_of_known_colours() -> None:
    # From the WCAG's own definition: white is 1, black 0, pure red 0.2126.
    assert luminance((255, 255, 255)) == pytest.approx(1)
    assert luminance((0, 0, 0)) == 0
    assert luminance((0, 0, 255)) == pytest.approx(0.2126)
