"""Every box of the tutorial's pipeline is the one the plain loop gets from OpenCV, frame by frame."""

import json
from pathlib import Path

import cv2
import cv2.data
import pytest

from tests.system.in_full import IN_FULL
from tests.system.running import ROOT, SHARED, run

CLIP = SHARED / "videos" / "bench-720p.mp4"
FRAMES = 300 if IN_FULL else 60
Box = tuple[str, int, int, int, int]


def plain_loop(clip: Path) -> list[list[Box]]:
    faces = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_default.xml")
    eyes = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_eye.xml")
    reader = cv2.VideoCapture(str(clip))
    found: list[list[Box]] = []
    while len(found) < FRAMES:
        ok, frame = reader.read()
        if not ok:
            break
        grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
        boxes: list[Box] = []
        for x, y, w, h in faces.detectMultiScale(grey, 1.2, 3, minSize=(32, 32)):
            boxes.append(("face", int(x), int(y), int(w), int(h)))
            for ex, ey, ew, eh in eyes.detectMultiScale(grey[y : y + h, x : x + w]):
                boxes.append(("eye", int(x + ex), int(y + ey), int(ew), int(eh)))
        found.append(boxes)
    return found


@pytest.mark.skipif(not CLIP.exists(), reason="the shared clip is missing; the demo's frames are compared elsewhere")
def test_the_tutorials_boxes_on_a_real_clip(tmp_path: Path) -> None:
    limited = ("--source", str(CLIP), "--set", f"capture.limit={FRAMES}")
    finished = run(ROOT / "configs" / "tutorial-haar.yaml", tmp_path, *limited)
    assert finished.code == 0, finished.stderr
    expected = plain_loop(CLIP)
    lines = [json.loads(line) for line in (tmp_path / "tutorial-haar.jsonl").read_text().splitlines()]
    assert len(lines) == len(expected) == FRAMES
    assert sum(map(len, expected)) > 3 * FRAMES
    for line, boxes in zip(lines, expected, strict=True):
        got = [(found["label"], *map(int, found["box"])) for found in line["detections"]]
        # OpenCV's order depends on its number of threads; the boxes do not.
        assert sorted(got) == sorted(boxes), line["seq"]
        assert [found["box"] for found in line["detections"]] == [[float(v) for v in box[1:]] for box in got]
