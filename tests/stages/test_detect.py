"""detect: labels, searched frames, models that are not there, and what cannot be read."""

from pathlib import Path

import numpy as np
import pytest

from framewire.pipeline.graph import load_pipeline
from framewire.pipeline.stage import AbsentError, StageError
from framewire.pipeline.testing import StageRunner
from framewire.stages.detect import Detect, method_of
from framewire.stages.face_detect import FaceDetect
from framewire.stages.face_detect import method_of as face_method
from tests.models.objects import detector_nets as nets
from tests.models.objects.detector_nets import LABELS, write_answers
from tests.system.running import ROOT, SHARED

MODELS = SHARED / "models"
PICTURE = np.zeros((360, 640, 3), np.uint8)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    (tmp_path / "labels.txt").write_text("\n".join(LABELS))
    return write_answers(tmp_path / "things.onnx", nets.v8(), batch="n")


def options(path: Path, **more: object) -> dict[str, object]:
    return {"model": str(path), "labels": str(path.parent / "labels.txt"), "score": 0.2, **more}


def test_objects_are_found_and_what_was_looked_for_is_said(model: Path) -> None:
    with StageRunner(Detect, options(model, only=["person", "dog"])) as runner:
        answer = runner.process(runner.packet(PICTURE))
        assert [one.label for one in answer.detections] == ["person", "person", "dog"]
        assert answer.detections[0].id == "detect.0"
        assert answer.searched == ("person", "dog")
        assert answer.unsearched == ()
        (how,) = runner.context.facts.values()
        assert how.endswith("read as yolo")


def test_frames_between_are_told(model: Path) -> None:
    with StageRunner(Detect, options(model, detect_every=3, min_size=20)) as runner:
        answers = [runner.process(runner.packet(PICTURE)) for _ in range(4)]
    assert [len(answer.detections) for answer in answers] == [4, 0, 0, 4]
    assert [answer.unsearched for answer in answers] == [(), LABELS, LABELS, ()]
    assert [answer.searched for answer in answers] == [LABELS, (), (), LABELS]


def test_what_is_too_small_is_left_out(model: Path) -> None:
    with StageRunner(Detect, options(model, min_size=35)) as runner:
        assert [one.label for one in runner.process(runner.packet(PICTURE)).detections] == ["person", "person", "car"]


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"only": ["persn"]}, r"does not find 'persn' \(did you mean 'person'\?\)"),
        ({"labels": ""}, "nobody says what they are"),
        ({"head": "ssd"}, "`head: ssd` reads"),
        ({"model": "yunet", "labels": ""}, r"yunet \(face detection\) is no object detector"),
        ({"model": "yolo", "labels": ""}, "unknown model 'yolo'"),
        ({"labels": "nowhere.txt"}, "nowhere.txt"),
    ],
)
def test_what_is_wrong_is_said_before_the_first_frame(model: Path, more: dict[str, object], error: str) -> None:
    with pytest.raises(StageError, match=error), StageRunner(Detect, options(model, **more)):
        pass


def test_a_model_of_the_catalogue_is_lent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    asked = Detect.Options(model_dir=str(MODELS))
    if not (MODELS / "yolox_nano.onnx").exists():
        pytest.skip("the shared weights are missing")
    assert Detect.files(asked) == [MODELS / "yolox_nano.onnx"]
    assert list(Detect.files(Detect.Options())) == []
    assert list(Detect.files(Detect.Options(model="mine.onnx"))) == []
    assert list(Detect.files(Detect.Options(model="nobodys"))) == []
    faces = FaceDetect.Options(method="dnn", model_dir=str(MODELS))
    assert FaceDetect.files(faces) == [MODELS / "face_detection_yunet_2023mar.onnx"]
    assert list(FaceDetect.files(FaceDetect.Options(model_dir=str(MODELS)))) == []
    people = FaceDetect.Options(method="auto", model_dir=str(tmp_path))
    lent = MODELS / "face_detection_yunet_2023mar.onnx"
    assert (face_method(people), face_method(people, {lent.name: lent})) == ("haar", "dnn")


def test_auto_takes_what_is_here(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("FRAMEWIRE_MODELS", raising=False)
    assert method_of(Detect.Options(method="auto", model=str(model))) == "dnn"
    assert method_of(Detect.Options(method="auto")) == "hog"
    with StageRunner(Detect, {"method": "auto", "only": ["person"]}) as runner:
        answer = runner.process(runner.packet(PICTURE))
        assert answer.searched == ("person",)
        assert runner.context.facts == {"hog": "because yolox-nano cannot run here; `models pull yolox-nano` gets it"}
        assert runner.context.chosen == {"method": "hog"}
    with (
        pytest.raises(StageError, match="hog does not find 'car'; it has person"),
        StageRunner(Detect, {"method": "auto", "only": ["car"]}),
    ):
        pass


NO_RUNTIME = "onnxruntime is not installed: install framewire[cpu] or framewire[gpu]"


def test_why_a_network_cannot_run_is_told_with_its_cure(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def said(**asked: object) -> str:
        runner = StageRunner(Detect, {"method": "auto", **asked})
        runner.context.chosen["method"] = "hog"
        with runner:
            return runner.context.facts["hog"]

    gone = tmp_path / "gone.onnx"
    assert said(model=str(gone)) == f"because {gone} cannot run here; there is no such file"
    assert said(model=str(model)) == "because this run began with it"
    monkeypatch.setattr("framewire.stages.detect.find_spec", lambda _name: None)
    assert said(model=str(model)) == f"because {model} cannot run here; {NO_RUNTIME}"
    monkeypatch.setattr("framewire.stages.face_detect.find_spec", lambda _name: None)
    with StageRunner(FaceDetect, {"method": "auto", "model": "yunet"}) as runner:
        assert runner.context.facts["haar"] == f"because yunet cannot run here; {NO_RUNTIME}"


def test_a_model_that_is_not_here_is_a_warning_of_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("FRAMEWIRE_MODELS", raising=False)
    for asked in ({}, {"model": "nowhere.onnx"}):
        runner = StageRunner(Detect, asked)
        with pytest.raises(AbsentError):
            runner.stage.try_out(connect=False)


def test_people_by_hog() -> None:
    with StageRunner(Detect, {"method": "hog", "width": 320}) as runner:
        assert runner.process(runner.packet(PICTURE)).detections == ()
        # Smaller than its window: nothing can be found.
        assert runner.process(runner.packet(np.zeros((50, 50, 3), np.uint8))).detections == ()


@pytest.mark.parametrize("config", ["people", "traffic"])
def test_the_pipelines_that_come_along_name_labels_that_exist(config: str) -> None:
    spec = load_pipeline(ROOT / "configs" / f"{config}.yaml")
    (asked,) = (stage.options for stage in spec.stages if stage.use == "detect")
    from framewire.models.catalogue.coco import COCO_80

    assert set(asked["only"]) <= set(COCO_80)
