import cv2
import numpy as np
from numpy.typing import NDArray

from framewire.pipeline.frame.packet import Attribute, Detection, Packet, PictureRef
from framewire.stages.paint import WIDTH_MAX, paint, words


def packet(generation: int, *found: Detection) -> Packet:
    ref = PictureRef(1, 1, 1, 0, 0, 0, 720, 1280, 3, generation)
    return Packet(
        source="s", stream="s", seq=0, window=4, width=1280, height=720, pictures={"frame": ref}, detections=found
    )


def painted(pixels: NDArray[np.uint8], given: Packet, step: int = 1) -> NDArray[np.uint8]:
    back = cv2.imdecode(np.frombuffer(paint(pixels, given, step), np.uint8), cv2.IMREAD_COLOR)
    assert back is not None
    return np.asarray(back, np.uint8)


FACE = Detection(label="face", box=(200.0, 400.0, 100.0, 200.0), id="f.0")


def test_the_picture_is_small_and_its_boxes_lie_right_whatever_was_left_out() -> None:
    for step in (1, 2):
        pixels = np.zeros((720 // step, 1280 // step, 3), np.uint8)
        seen = painted(pixels, packet(0, FACE), step)
        assert seen.shape == (WIDTH_MAX * 720 // 1280, WIDTH_MAX, 3)
        rows, columns = np.nonzero(seen[:, :, 1] > 100)
        assert abs(int(columns.min()) - 100) <= 1
        assert abs(int(columns.max()) - 150) <= 1
        assert abs(int(rows.min()) - 200) <= 1
        assert abs(int(rows.max()) - 300) <= 1


def test_what_a_stage_has_drawn_is_not_drawn_twice() -> None:
    pixels = np.zeros((720, 1280, 3), np.uint8)
    assert not painted(pixels, packet(1, FACE)).any()


def test_what_is_read_only_is_left_as_it_is() -> None:
    pixels = np.zeros((36, 64, 3), np.uint8)
    pixels.setflags(write=False)
    paint(pixels, packet(0, FACE), 20)
    assert not pixels.any()


def test_the_words_above_a_box() -> None:
    said = {"gender": Attribute("Female"), "age": Attribute("(25-32)")}
    found = Detection(label="face", box=(0, 0, 1, 1), track=7, attributes=said)
    assert words(found) == "#7 Female (25-32)"
