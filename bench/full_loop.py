"""The full graph's calls in one process, frame by frame: read, YuNet, eyes, age, gender, emotion, draw, write, list.

It calls the same detectors, classifiers and drawing code as the stages, so that only the engine differs.
Run as a separate program: `python -m bench.full_loop CLIP THREADS OUT`; with `landmarks` appended, it stops at eyes.
"""

import json
import sys
import time
from pathlib import Path

import cv2
import msgspec

from bench.loop_figures import LoopFigures
from framewire.models.catalogue.entries import find_entry
from framewire.models.classifiers.answer import Answer
from framewire.models.classifiers.classifier import Classifier
from framewire.models.classifiers.load_classifier import load_classifier
from framewire.models.crops.face_crop import FaceCrop
from framewire.models.face import Face
from framewire.models.finders.face_finder import Thresholds
from framewire.models.finders.load_face_finder import load_face_finder
from framewire.models.picture import Picture
from framewire.models.runtime.provider import Execution
from framewire.models.store.model_store import ModelStore
from framewire.pipeline.frame.packet import Attribute, Detection
from framewire.stages.annotate.caption import caption
from framewire.stages.annotate.tutorial_look import TUTORIAL_STYLES, draw_box, draw_caption
from framewire.stages.eye_detect import eyes_from_landmarks

MODELS = ("framewire-age-gender", "framewire-emotion")


def full_loop(clip: Path, threads: int, out: Path, attributes: bool) -> LoopFigures:
    """Run the loop over the clip with this number of threads."""
    cv2.setNumThreads(threads)
    store, execution = ModelStore(), Execution("cpu", threads)
    finder = load_face_finder("yunet", Thresholds(0.7, 0.3), 640, store, execution)
    entries = [find_entry(name) for name in (MODELS if attributes else ())]
    models = [(load_classifier(entry, store, execution), entry.crop) for entry in entries]
    reader = cv2.VideoCapture(str(clip))
    size = (int(reader.get(cv2.CAP_PROP_FRAME_WIDTH)), int(reader.get(cv2.CAP_PROP_FRAME_HEIGHT)))
    started, cpu = time.monotonic(), time.process_time()
    writer = cv2.VideoWriter(str(out / "loop.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), reader.get(cv2.CAP_PROP_FPS), size)
    frames = 0
    with (out / "loop.jsonl").open("w") as lines:
        while True:
            ok, frame = reader.read()
            if not ok:
                break
            (faces,) = finder.find([frame])
            found = _looked_at(frame, [face for face in faces if min(face.box[2:]) >= 32], models)
            for detection in found:
                draw_box(frame, detection, TUTORIAL_STYLES[detection.label])
            for detection in found:
                if TUTORIAL_STYLES[detection.label].caption:
                    draw_caption(frame, detection.box, caption(detection), TUTORIAL_STYLES[detection.label])
            writer.write(frame)
            lines.write(json.dumps({"seq": frames, "detections": msgspec.to_builtins(found)}) + "\n")
            frames += 1
    writer.release()
    return LoopFigures(frames, time.monotonic() - started, time.process_time() - cpu)


def _looked_at(frame: Picture, faces: list[Face], models: list[tuple[Classifier, FaceCrop | None]]) -> list[Detection]:
    said: list[dict[str, Answer]] = [{} for _ in faces]
    for classifier, crop in models:
        assert crop is not None
        crops = [cut for face in faces if (cut := crop.cut(frame, face.box, face.landmarks)) is not None]
        for of_face, answers in zip(said, classifier.classify(crops), strict=True):
            of_face.update(answers)
    found = [
        Detection(
            label="face",
            box=face.box,
            score=face.score,
            landmarks=face.landmarks,
            attributes={name: Attribute(one.label, one.score, one.value) for name, one in answers.items()},
        )
        for face, answers in zip(faces, said, strict=True)
    ]
    return found + [eye for face in found for eye in eyes_from_landmarks(face)]


if __name__ == "__main__":
    figures = full_loop(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), "landmarks" not in sys.argv[4:])
    sys.stdout.buffer.write(msgspec.json.encode(figures))
