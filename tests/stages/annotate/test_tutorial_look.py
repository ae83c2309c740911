import re

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framewire.pipeline.frame.packet import FRAME, Attribute, Detection
from framewire.pipeline.stage import StageError
from framewire.pipeline.testing import StageRunner
from framewire.stages.annotate import Annotate
from framewire.stages.annotate.caption import CaptionTemplate, caption
from framewire.stages.annotate.colors import luminance, readable_on
from framewire.stages.annotate.tutorial_look import caption_place

TUTORIAL = {"look": "tutorial"}
FACE = Detection(label="face", box=(20, 30, 40, 50), id="faces.0")
EYE = Detection(label="eye", box=(25, 40, 10, 8), id="eyes.0", parent="faces.0")


def test_the_tutorials_boxes_to_the_pixel() -> None:
    picture = np.full((120, 160, 3), 90, np.uint8)
    expected = picture.copy()
    cv2.rectangle(expected, (20, 30), (60, 80), (0, 0, 255), 2)
    cv2.rectangle(expected, (25, 40), (35, 48), (0, 255, 0), 1)
    with StageRunner(Annotate, {**TUTORIAL, "captions": False}) as runner:
        packet = runner.packet(picture).plus([FACE, EYE])
        drawn = runner.process(packet)
        assert (runner.picture(drawn) == expected).all()
        # The original is untouched.
        assert (runner.picture(packet) == picture).all()
        assert drawn.detections == packet.detections


def test_without_detections_nothing_is_copied() -> None:
    with StageRunner(Annotate) as runner:
        packet = runner.packet(np.zeros((20, 20, 3), np.uint8))
        assert runner.process(packet).pictures[FRAME] == packet.pictures[FRAME]


def test_styles_of_ones_own() -> None:
    with StageRunner(Annotate, {**TUTORIAL, "styles": {"face": {"color": "#0000ff", "caption": False}}}) as runner:
        drawn = runner.picture(runner.process(runner.packet(np.zeros((120, 160, 3), np.uint8)).plus([FACE])))
    assert drawn[30, 40].tolist() == [255, 0, 0]


def test_the_tutorials_age_and_gender_to_the_pixel() -> None:
    """As in tutorial-age-gender.yaml: cv2's own calls beside ours."""
    picture = np.full((720, 900, 3), 90, np.uint8)
    expected = picture.copy()
    cv2.rectangle(expected, (200, 300), (440, 550), (0, 255, 0), round(720 / 150), 8)
    cv2.putText(expected, "Male: (25-32)", (200, 290), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (0, 255, 255), 1, cv2.LINE_AA)
    style = {
        "color": "#00ff00",
        "thickness": 0,
        "caption": "{gender!c}: {age}",
        "plate": False,
        "text_color": "#ffff00",
        "text_thickness": 1,
    }
    person = {"gender": Attribute("male", 0.9), "age": Attribute("(25-32)", value=28.4)}
    face = Detection(label="face", box=(200, 300, 240, 250), id="faces.0", attributes=person)
    with StageRunner(Annotate, {**TUTORIAL, "text_px": 17.6, "styles": {"face": style}}) as runner:
        drawn = runner.picture(runner.process(runner.packet(picture).plus([face])))
    assert (drawn == expected).all()


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{label} {score:.0%}", "face 91%"),
        ("{gender!c}, {age.value:.0f} or so ({gender.score:.2f})", "Male, 28 or so (0.80)"),
        ("#{track} {mood} {mood.score:.1f}", "#? ? ?"),
        ("{{braces}}", "{braces}"),
        ("{gender.__class__} {age.nothing}", "? ?"),
        ("", ""),
    ],
)
def test_captions_of_ones_own(template: str, text: str) -> None:
    person = {"gender": Attribute("male", 0.8), "age": Attribute("(25-32)", value=28.4)}
    face = Detection(label="face", box=(0, 0, 1, 1), score=0.912, attributes=person)
    assert CaptionTemplate(template).of(face) == text


@pytest.mark.parametrize("look", ["modern", "tutorial"])
@pytest.mark.parametrize("template", ["{gender", "{gender!r}", "{}", "{0 1}"])
def test_captions_that_cannot_be_read_are_refused_before_the_first_frame(template: str, look: str) -> None:
    with (
        pytest.raises(StageError, match=f"invalid caption: {re.escape(repr(template))}"),
        StageRunner(Annotate, {"look": look, "styles": {"face": {"caption": template}}}),
    ):
        pass


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
@pytest.mark.parametrize("look", ["modern", "tutorial"])
def test_any_size_of_picture(width: int, height: int, look: str) -> None:
    with StageRunner(Annotate, {"look": look}) as runner:
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
