"""The default look: what is drawn where, in which colour and script."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from framewire.models.finders.face_finder import Thresholds
from framewire.models.finders.load_face_finder import load_face_finder
from framewire.models.runtime.provider import Execution
from framewire.models.store.model_store import ModelStore
from framewire.pipeline.frame.packet import Attribute, Detection
from framewire.pipeline.frame.ring import Pixels
from framewire.pipeline.stage import StageError
from framewire.pipeline.testing import StageRunner
from framewire.stages.annotate import Annotate
from framewire.stages.annotate.caption import caption_parts
from framewire.stages.annotate.colors import PALETTE, bgr_of, luminance
from framewire.stages.annotate.lettering import GLASS, GLASS_LUMINANCE, Lettering
from framewire.stages.annotate.modern_look import ModernLook
from framewire.stages.annotate.plates import place
from framewire.stages.annotate.style import Style
from tests.system.running import SHARED

NOTO = Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc")


def person(x: float, y: float, track: int, **attributes: str) -> Detection:
    said = {name: Attribute(label, 0.9) for name, label in attributes.items()}
    return Detection(label="face", box=(x, y, 90, 110), score=0.9, track=track, attributes=said)


def drawn(*detections: Detection, background: int = 120, **options: object) -> Pixels:
    with StageRunner(Annotate, options) as runner:
        picture = np.full((360, 640, 3), background, np.uint8)
        return runner.picture(runner.process(runner.packet(picture).plus(detections))).copy()


def test_a_caption_says_most_first() -> None:
    one = person(0, 0, 3, gender="male", mood="fröhlich")
    assert caption_parts(one) == ["#3", "male", "fröhlich"]
    assert caption_parts(Detection(label="car", box=(0, 0, 1, 1), track=4)) == ["car", "#4"]
    assert caption_parts(Detection(label="car", box=(0, 0, 1, 1))) == ["car"]


def test_text_is_easy_to_read_on_any_picture() -> None:
    for grey in (0, 128, 255):
        glass = round(grey * (1 - GLASS) + GLASS * GLASS_LUMINANCE)
        assert (1.0 + 0.05) / (luminance((glass, glass, glass)) + 0.05) >= 4.5
    for background in (0, 255):
        shown = drawn(person(200, 150, 1, gender="male"), background=background)
        plate = shown[125:147, 205:290].astype(int)
        assert plate.max() - plate.min() > 100


def test_colours_by_label_track_and_attribute() -> None:
    first, second = person(100, 150, 1, gender="male"), person(400, 150, 2, gender="female")

    def corners(color_by: str) -> list[tuple[int, ...]]:
        shown = drawn(first, second, color_by=color_by)
        return [tuple(map(int, shown[200, x])) for x in (100, 400)]

    one, other = corners("label")
    assert one == other
    assert corners("track") == [bgr_of(PALETTE[0]), bgr_of(PALETTE[1])]
    male, female = corners("gender")
    assert male != female
    assert {male, female} <= {bgr_of(color) for color in PALETTE}


def test_only_some_labels() -> None:
    shown = drawn(person(100, 150, 1), Detection(label="car", box=(400, 150, 90, 110)), of=["car"])
    assert (shown[:, :300] == 120).all()
    assert (shown[:, 300:] != 120).any()


def test_lines_and_letters_grow_with_the_picture() -> None:
    def rows_of_text(scale: int) -> int:
        picture = np.full((360 * scale, 640 * scale, 3), 120, np.uint8)
        box = (200.0 * scale, 150.0 * scale, 90.0 * scale, 110.0 * scale)
        with StageRunner(Annotate) as runner:
            one = Detection(label="face", box=box, track=1)
            shown = runner.picture(runner.process(runner.packet(picture).plus([one])))
        plate = (shown[: 149 * scale] != 120).any(axis=(1, 2))
        return int(plate.sum())

    assert 1.6 < rows_of_text(3) / rows_of_text(2) * 4 / 3 < 2.4


def test_letters_that_the_font_lacks_are_told_once(caplog: pytest.LogCaptureFixture) -> None:
    with StageRunner(Annotate) as runner:
        for _ in range(2):
            picture = np.zeros((360, 640, 3), np.uint8)
            runner.process(runner.packet(picture).plus([person(200, 150, 1, mood="高兴")]))
    assert [record.getMessage() for record in caplog.records] == [
        "the font has no 兴 高: set `font` to one that does, such as Noto Sans CJK"
    ]


@pytest.mark.skipif(not NOTO.exists(), reason="fonts-noto-cjk is not installed")
def test_chinese(caplog: pytest.LogCaptureFixture) -> None:
    shown = drawn(person(200, 150, 1, mood="高兴"), font=str(NOTO))
    other = drawn(person(200, 150, 1, mood="难过"), font=str(NOTO))
    assert not caplog.records
    assert (shown != other).any()
    lettering = Lettering(str(NOTO))
    # Each of its letters is drawn, not a box or a question mark.
    pictures = [lettering.line(letter, 24, (255, 255, 255)).adds for letter in "高兴难过"]
    assert all(picture.any() for picture in pictures)
    assert len({picture.tobytes() for picture in pictures}) == 4
    assert not lettering.missing


def test_a_font_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "font.ttf"
    path.write_text("no font")
    with (
        pytest.raises(StageError, match=r"font.ttf cannot be read as a font"),
        StageRunner(Annotate, {"font": str(path)}),
    ):
        pass


def test_on_a_film_no_plate_covers_a_face_or_another() -> None:
    film, models = SHARED / "videos" / "bench-1080p.mp4", SHARED / "models"
    if not film.exists():
        pytest.skip("../shared is not here")
    finder = load_face_finder("yunet", Thresholds(0.6, 0.3), 640, ModelStore(models), Execution("cpu"))
    capture = cv2.VideoCapture(str(film))
    look = ModernLook({}, Style(), Lettering(), "label", 0)
    frames = plates = 0
    while (read := capture.read())[0]:
        frames += 1
        if frames % 8:
            continue
        picture = np.asarray(read[1], np.uint8)
        found = [
            Detection(
                label="face",
                box=face.box,
                track=number,
                attributes={
                    "gender": Attribute("female"),
                    "age": Attribute("", value=33),
                    "emotion": Attribute("surprise"),
                },
            )
            for number, face in enumerate(finder.find([picture])[0])
        ]
        lines = look.lines(found, picture.shape[0])
        boxes = [one.box for one in found]
        placed = place([line.wanted for line in lines], boxes, (1920, 1080))
        covered = np.zeros((1080, 1920), np.uint8)
        for x, y, width, height in boxes:
            covered[max(0, int(y) + 1) : int(y + height), max(0, int(x) + 1) : int(x + width)] = 1
        for line, at in zip(lines, placed, strict=True):
            assert at is not None
            width, height = line.wanted.sizes[at.size]
            assert at.size == 0, "it would say less"
            region = covered[at.top : at.top + height, at.left : at.left + width]
            assert region.shape == (height, width)
            assert not region.any()
            region[...] = 1
            plates += 1
    assert plates > 100
