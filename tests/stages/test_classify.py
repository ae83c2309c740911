"""classify, tested with a network trained here, on pictures made here."""

from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from framewire.models.catalogue.entries import LEVI_HASSNER_AGES, find_entry
from framewire.models.crops.alignment import TEMPLATE
from framewire.models.picture import Picture
from framewire.models.store.model_store import ModelStore
from framewire.pipeline.frame.packet import Detection
from framewire.pipeline.stage import StageError
from framewire.pipeline.testing import StageRunner
from framewire.stages.classify import Classify
from tests.models.caffe import write_caffe
from tests.stages.faces import demo_frame

LABELS = ("blue", "green", "red")
SIDE = 8


def picture_of(label: int, rng: np.random.Generator, height: int = 20, width: int = 30) -> Picture:
    """Noise in which one colour is stronger."""
    pixels = rng.integers(0, 140, (height, width, 3), np.uint8)
    pixels[..., label] += 90
    return pixels


def train(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Softmax regression by gradient descent, on RGB in 0..1, as the stage feeds it."""
    labels = rng.integers(0, 3, 300)
    rows = np.stack([picture_of(label, rng, SIDE, SIDE)[..., ::-1].transpose(2, 0, 1).ravel() for label in labels])
    x, wanted = rows.astype(np.float64) / 255, np.eye(3)[labels]
    weights, bias = np.zeros((x.shape[1], 3)), np.zeros(3)
    for _ in range(300):
        logits = x @ weights + bias
        share = np.exp(logits - logits.max(1, keepdims=True))
        error = share / share.sum(1, keepdims=True) - wanted
        weights -= 0.05 * x.T @ error / len(x)
        bias -= 0.05 * error.mean(0)
    return weights.astype(np.float32), bias.astype(np.float32)


def write_net(path: Path, batch: int | str, layout: str) -> None:
    """The trained regression as ONNX: rank 4 in, three scores out."""
    weights, bias = train(np.random.default_rng(0))
    if layout == "NHWC":
        weights = weights.reshape(3, SIDE, SIDE, 3).transpose(1, 2, 0, 3).reshape(-1, 3)
    shape = [batch, 3, SIDE, SIDE] if layout == "NCHW" else [batch, SIDE, SIDE, 3]
    nodes = [helper.make_node("Flatten", ["x"], ["flat"]), helper.make_node("Gemm", ["flat", "w", "b"], ["y"])]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [batch, 3])],
        [numpy_helper.from_array(np.ascontiguousarray(weights), "w"), numpy_helper.from_array(bias, "b")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    onnx.save(model, str(path))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("colours")
    for batch in ("n", 1):
        for layout in ("NCHW", "NHWC"):
            write_net(folder / f"colour-{batch}-{layout}.onnx", batch, layout)
    (folder / "labels.txt").write_text("\n".join(LABELS) + "\n")
    return folder


def options(folder: Path, net: str = "colour-n-NCHW", of: str = "face", **more: object) -> dict[str, object]:
    model = {"model": str(folder / f"{net}.onnx"), "labels": str(folder / "labels.txt"), "name": "colour", **more}
    return {"of": of, "device": "cpu", "models": [model]}


def frame_with_faces(rng: np.random.Generator, labels: list[int]) -> tuple[Picture, list[Detection]]:
    """Grey, with a coloured patch for each face."""
    pixels = np.full((120, 160, 3), 128, np.uint8)
    faces = []
    for number, label in enumerate(labels):
        x, y = 5 + 50 * (number % 3), 10 + 55 * (number // 3)
        pixels[y : y + 40, x : x + 40] = picture_of(label, rng, 40, 40)
        faces.append(Detection(label="face", box=(x, y, 40, 40), id=f"faces.{number}"))
    return pixels, faces


@pytest.mark.parametrize("net", ["colour-n-NCHW", "colour-1-NCHW", "colour-n-NHWC", "colour-1-NHWC"])
def test_each_face_gets_its_label_whatever_the_models_layout(net: str, folder: Path) -> None:
    rng = np.random.default_rng(1)
    labels = [0, 2, 1, 1, 0, 2]
    pixels, faces = frame_with_faces(rng, labels)
    with StageRunner(Classify, options(folder, net)) as runner:
        answer = runner.process(runner.packet(pixels).plus(faces))
    assert [found.attributes["colour"].label for found in answer.detections] == [LABELS[label] for label in labels]
    assert all(1 / 3 < (found.attributes["colour"].score or 0) <= 1 for found in answer.detections)
    assert [found.id for found in answer.detections] == [face.id for face in faces]


def test_the_batch_does_not_matter(folder: Path) -> None:
    rng = np.random.default_rng(2)
    with StageRunner(Classify, options(folder)) as runner:
        packets = []
        for count in (1, 0, 6, 2):
            pixels, faces = frame_with_faces(rng, list(rng.integers(0, 3, count)))
            packets.append(runner.packet(pixels).plus(faces))
        together = runner.stage.process_batch(packets)
        alone = [runner.stage.process(packet) for packet in packets]
    for one, two in zip(together, alone, strict=True):
        for face, other in zip(one.detections, two.detections, strict=True):
            assert face.attributes["colour"].label == other.attributes["colour"].label
            assert face.attributes["colour"].score == pytest.approx(other.attributes["colour"].score, abs=1e-4)
    assert together[1] == packets[1]


def test_a_frame_without_faces_waits_for_no_batch(folder: Path) -> None:
    rng = np.random.default_rng(2)
    with StageRunner(Classify, options(folder)) as runner, StageRunner(Classify, options(folder, of="frame")) as whole:
        for count, idle in ((0, True), (1, False)):
            pixels, faces = frame_with_faces(rng, [0] * count)
            packet = runner.packet(pixels).plus(faces)
            assert runner.stage.idle(packet) is idle
            assert not whole.stage.idle(packet)
        beyond = Detection(label="face", box=(500, 500, 9, 9), id="faces.0")
        assert runner.stage.idle(runner.packet(pixels).plus([beyond]))


def test_whole_frames_are_classified_too(folder: Path) -> None:
    rng = np.random.default_rng(3)
    with StageRunner(Classify, options(folder, of="frame"), name="scene") as runner:
        for label in (0, 1, 2):
            answer = runner.process(runner.packet(picture_of(label, rng, 90, 160)))
            (whole,) = answer.detections
            assert (whole.label, whole.id, whole.box) == ("frame", "scene.frame", (0, 0, 160, 90))
            assert whole.attributes["colour"].label == LABELS[label]


def test_it_learned_something_that_it_was_not_taught(folder: Path) -> None:
    rng = np.random.default_rng(4)
    right = 0
    with StageRunner(Classify, options(folder, of="frame")) as runner:
        for number in range(60):
            answer = runner.process(runner.packet(picture_of(number % 3, rng)))
            right += answer.detections[0].attributes["colour"].label == LABELS[number % 3]
    assert right >= 57


def test_faces_at_the_edge_and_beyond(folder: Path) -> None:
    pixels = picture_of(2, np.random.default_rng(5), 100, 100)
    boxes = [(-20, -20, 50, 50), (90, 90, 40, 40), (200, 200, 10, 10), (10, 10, 0, 0)]
    faces = [Detection(label="face", box=box, id=str(number)) for number, box in enumerate(boxes)]
    with StageRunner(Classify, options(folder, margin=0.1)) as runner:
        found = runner.process(runner.packet(pixels).plus(faces)).detections
    assert [face.attributes["colour"].label if face.attributes else "" for face in found] == ["red", "red", "", ""]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": ""}, "set `labels` (a file, one label per line)"),
        ({"labels": "nowhere.txt"}, "nowhere.txt"),
        ({"order": "grey"}, "its input has 3 channels, but grey has 1"),
        ({"model": "nowhere.onnx"}, "nowhere.onnx is not a model that onnxruntime can load"),
        ({"model": "resnet"}, "unknown model 'resnet'; choose from yunet"),
        ({"model": "yunet"}, "yunet (face detection) is not a classifier"),
    ],
)
def test_what_is_wrong_is_said_before_the_first_frame(change: dict[str, object], message: str, folder: Path) -> None:
    with pytest.raises(StageError) as caught, StageRunner(Classify, options(folder, **change)):  # type: ignore[arg-type]
        pass
    assert message in str(caught.value)


def test_labels_that_do_not_fit(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "four.txt").write_text("a\nb\nc\nd\n")
    with (
        pytest.raises(StageError, match=r"gives 3 answers, but there are 4 labels \(a, b, c, d\)"),
        StageRunner(Classify, options(folder, labels=str(tmp_path / "four.txt"))),
    ):
        pass


def shared_attribute(folder: Path, **more: object) -> dict[str, object]:
    return {"device": "cpu", "model_dir": str(folder), "models": [{"model": "levi-hassner-gender", **more}]}


def test_another_model_stands_in_for_one_that_is_not_here(folder: Path) -> None:
    """Loaded once for two, only with the answers wanted."""
    picture, there = demo_frame(0), Detection(label="face", box=(400, 200, 200, 200), id="faces.0")
    both = shared_attribute(folder, instead="framewire-age-gender", padding=20)
    both["models"] += [{"model": "levi-hassner-age", "instead": "framewire-age-gender", "padding": 20}]  # type: ignore[operator]
    with StageRunner(Classify, both) as runner:
        (face,) = runner.process(runner.packet(picture).plus([there])).detections
        facts = runner.stage.context.facts
    assert set(face.attributes) == {"gender", "age"}
    assert facts["levi-hassner-age"] == "is not on this machine: framewire-age-gender stands in"
    assert facts["framewire-age-gender"].startswith("runs on CPUExecutionProvider")
    with StageRunner(Classify, shared_attribute(folder, instead="framewire-age-gender")) as runner:
        (face,) = runner.process(runner.packet(picture).plus([there])).detections
    assert set(face.attributes) == {"gender"}


def test_no_other_model_stands_in_for_one_that_the_run_began_with(folder: Path) -> None:
    runner = StageRunner(Classify, shared_attribute(folder, instead="framewire-age-gender"))
    runner.context.chosen["stand-in for levi-hassner-gender"] = "False"
    with pytest.raises(StageError, match="levi-hassner-gender"), runner:
        pass


def test_a_model_that_says_other_things_cannot_stand_in(folder: Path) -> None:
    with (
        pytest.raises(StageError, match="framewire-emotion cannot stand in for levi-hassner-gender"),
        StageRunner(Classify, shared_attribute(folder, instead="framewire-emotion")),
    ):
        pass


def test_the_tutorials_own_pair_where_it_is_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files with its names, trusted once; the crop is the box plus twenty pixels, resized as OpenCV blobs."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    weights = np.random.default_rng(0).normal(0, 1e-5, (8, 3 * 227 * 227)).astype(np.float32)
    model, graph = write_caffe(tmp_path, "age_net", weights, 227)
    graph.rename(tmp_path / "age_deploy.prototxt")
    asked = {"device": "cpu", "model_dir": str(tmp_path), "models": [{"model": "levi-hassner-age", "padding": 20}]}
    with pytest.raises(StageError, match="run once: models pull --trust"), StageRunner(Classify, asked):
        pass
    ModelStore(tmp_path, trust=True).need(find_entry("levi-hassner-age"))
    picture, box = demo_frame(0), (400, 200, 200, 150)
    with StageRunner(Classify, asked) as runner:
        packet = runner.packet(picture).plus([Detection(label="face", box=box, id="faces.0")])
        (face,) = runner.process(packet).detections
    net = cv2.dnn.readNetFromCaffe(str(tmp_path / "age_deploy.prototxt"), str(model))
    mean = (78.4263377603, 87.7689143744, 114.895847746)
    net.setInput(cv2.dnn.blobFromImage(picture[180:370, 380:620], 1.0, (227, 227), mean, swapRB=False))
    (row,) = net.forward()
    assert face.attributes["age"].label == LEVI_HASSNER_AGES[row.argmax()]
    assert face.attributes["age"].score == pytest.approx(float(row.max()), abs=1e-5)


def test_aligned_faces_and_such_without_landmarks(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The face is upside down; the colour above its eyes is what the model sees at the top."""
    pixels = np.zeros((400, 400, 3), np.uint8)
    pixels[..., 2] = 200
    landmarks = tuple((300 - x, 300 - y) for x, y in TEMPLATE)
    faces = [
        Detection(label="face", box=(180, 180, 120, 120), id="faces.0", landmarks=landmarks),
        Detection(label="face", box=(180, 180, 120, 120), id="faces.1"),
        Detection(label="face", box=(180, 180, 120, 120), id="faces.2"),
    ]
    with StageRunner(Classify, options(folder, crop="aligned")) as runner:
        found = runner.process(runner.packet(pixels).plus(faces)).detections
    assert found[0].attributes["colour"].label == "red"
    assert not found[1].attributes
    assert not found[2].attributes
    assert [record.getMessage().count("has none") for record in caplog.records if "aligned" in record.message] == [1]


def test_two_models_need_two_names(folder: Path) -> None:
    twice = options(folder)
    twice["models"] = [*twice["models"], *twice["models"]]  # type: ignore[misc]
    with pytest.raises(StageError, match="give each its own `name`"), StageRunner(Classify, twice):
        pass
