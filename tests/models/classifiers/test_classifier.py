"""What a classifier says of a picture is what its numbers mean, alone or in any batch."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from framewire.models.catalogue.model_entry import AnswerKind, Head, ModelInput
from framewire.models.classifiers.classifier import Classifier
from framewire.models.runtime.network import ModelError
from framewire.models.runtime.onnx_graph import last_operation
from framewire.models.runtime.onnx_session import OnnxSession
from framewire.models.runtime.provider import Execution

pytest.importorskip("onnxruntime")
LABELS = ("blue", "green", "red")
SIDE = 4


def model(
    path: Path,
    last: Sequence[str] = (),
    answers: int = 3,
    dtype: int = TensorProto.FLOAT,
    batch: int | str = "n",
    side: int | str = SIDE,
    channels_last: bool = False,
    logarithm: bool = False,
    second: bool = False,
) -> Path:
    """The mean of each colour, times ten over 255, then the operations in `last`."""
    shape = [batch, side, side, 3] if channels_last else [batch, 3, side, side]
    nodes = [helper.make_node("Cast", ["input"], ["floats"], to=TensorProto.FLOAT)]
    if channels_last:
        nodes.append(helper.make_node("Transpose", ["floats"], ["first"], perm=[0, 3, 1, 2]))
    nodes += [
        helper.make_node("GlobalAveragePool", ["first" if channels_last else "floats"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["scores" if last or logarithm else "output"]),
    ]
    before = "scores"
    if logarithm:
        nodes.append(helper.make_node("Log", [before], ["output" if not last else "logs"]))
        before = "logs"
    for place, operation in enumerate(last):
        after = "output" if place == len(last) - 1 else f"step{place}"
        extra: dict[str, Any] = {"to": TensorProto.FLOAT} if operation == "Cast" else {}
        nodes.append(helper.make_node(operation, [before], [after], **extra))
        before = after
    outputs = [helper.make_tensor_value_info("output", TensorProto.FLOAT, [batch, answers])]
    if second:
        nodes.append(helper.make_node("Neg", ["flat"], ["other"]))
        outputs.append(helper.make_tensor_value_info("other", TensorProto.FLOAT, [batch, 3]))
    weights = numpy_helper.from_array(np.eye(3, answers, dtype=np.float32) * np.float32(10 / 255), "weights")
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("input", dtype, shape)], outputs, initializer=[weights]
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def classifier(
    path: Path, labels: tuple[str, ...] = LABELS, answer: AnswerKind = "auto", output: str = "", **facts: Any
) -> Classifier:
    given = {"height": SIDE, "width": SIDE, "order": "BGR", **facts}
    session = OnnxSession(path, Execution("cpu"))
    return Classifier(session, ModelInput(**given), [Head(attribute="a", labels=labels, answer=answer, output=output)])


def picture(blue: int, green: int, red: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.full((6, 8, 3), (blue, green, red), np.uint8)


RED, MIXED = picture(0, 0, 255), picture(40, 60, 50)


def said(one: Classifier, pictures: Sequence[Any]) -> list[tuple[str, float | None]]:
    return [(answers["a"].label, answers["a"].score) for answers in one.classify(pictures)]


@pytest.mark.parametrize(
    ("last", "answer", "score"),
    [
        ((), "auto", 1 / (1 + 2 * np.exp(-10))),
        (("Softmax",), "auto", 1 / (1 + 2 * np.exp(-10))),
        (("Softmax", "Cast", "Identity"), "auto", 1 / (1 + 2 * np.exp(-10))),
        # Seen by their values, whatever makes them: none negative, and 1 in all.
        (("Softmax", "Abs"), "auto", 1 / (1 + 2 * np.exp(-10))),
        (("Sigmoid", "Clip"), "auto", 1 / (1 + np.exp(-10))),
        (("Softmax", "Dropout"), "auto", 1 / (1 + 2 * np.exp(-10))),
        (("LogSoftmax",), "auto", 1 / (1 + 2 * np.exp(-10))),
        (("Sigmoid",), "auto", 1 / (1 + np.exp(-10))),
        ((), "sigmoid", 1 / (1 + np.exp(-10))),
        ((), "scores", 10.0),
    ],
    ids=str,
)
def test_its_score_is_what_the_graph_means_alone_and_in_a_batch(
    last: tuple[str, ...], answer: AnswerKind, score: float, tmp_path: Path
) -> None:
    one = classifier(model(tmp_path / "m.onnx", last), answer=answer)
    (alone,) = said(one, [RED])
    assert alone == ("red", pytest.approx(score, abs=1e-4))
    for batch in ([RED, MIXED], [MIXED, RED, MIXED]):
        assert said(one, batch)[batch.index(RED) if batch[0] is RED else 1] == alone


def whole_numbers(path: Path) -> Path:
    """The model's scores as bytes, as some quantised exports give them."""
    made = onnx.load(model(path, ("Softmax",)))
    made.graph.initializer.extend(
        [
            numpy_helper.from_array(np.array(1 / 255, np.float32), "unit"),
            numpy_helper.from_array(np.array(0, np.uint8), "zero"),
        ]
    )
    made.graph.node.append(helper.make_node("QuantizeLinear", ["output", "unit", "zero"], ["bytes"]))
    del made.graph.output[:]
    made.graph.output.append(helper.make_tensor_value_info("bytes", TensorProto.UINT8, ["n", 3]))
    onnx.save(made, path)
    return path


def test_whole_numbers_are_no_scores(tmp_path: Path) -> None:
    path = whole_numbers(tmp_path / "m.onnx")
    with pytest.raises(
        ModelError, match=r"m\.onnx: its output bytes has whole numbers, which are no scores; export it"
    ):
        classifier(path)
    made = onnx.load(path)
    made.graph.output.append(helper.make_tensor_value_info("output", TensorProto.FLOAT, ["n", 3]))
    onnx.save(made, path)
    with pytest.raises(ModelError, match=r"which are no scores; set `output` \(output\)"):
        classifier(path)
    assert said(classifier(path, output="output"), [RED]) == [
        ("red", pytest.approx(1 / (1 + 2 * np.exp(-10)), abs=1e-4))
    ]


def test_dictionaries_are_no_scores(tmp_path: Path) -> None:
    made = onnx.load(model(tmp_path / "m.onnx", ("Softmax",)))
    made.opset_import.append(helper.make_opsetid("ai.onnx.ml", 1))
    node = helper.make_node("ZipMap", ["output"], ["map"], domain="ai.onnx.ml", classlabels_strings=list(LABELS))
    made.graph.node.append(node)
    value = helper.make_map_type_proto(TensorProto.STRING, helper.make_tensor_type_proto(TensorProto.FLOAT, []))
    del made.graph.output[:]
    made.graph.output.append(helper.make_value_info("map", helper.make_sequence_type_proto(value)))
    onnx.save(made, tmp_path / "m.onnx")
    with pytest.raises(ModelError, match=r"its answers are dictionaries \(a ZipMap\); export it with zipmap=False"):
        classifier(tmp_path / "m.onnx")


@pytest.mark.parametrize(
    ("last", "operation"),
    [
        ((), "MatMul"),
        (("Softmax",), "Softmax"),
        (("Softmax", "Identity", "Cast"), "Softmax"),
        (("Sigmoid",), "Sigmoid"),
    ],
)
def test_the_last_operation_is_read_from_the_file(last: tuple[str, ...], operation: str, tmp_path: Path) -> None:
    path = model(tmp_path / "m.onnx", last)
    assert last_operation(path, "output") == operation
    assert last_operation(path, "nothing") == ""
    (tmp_path / "no.onnx").write_bytes(b"\xff" * 100)
    assert last_operation(tmp_path / "no.onnx", "output") == ""


@pytest.mark.parametrize(
    ("last", "labels", "answer", "blue", "wanted"),
    [
        (("Sigmoid",), ("mask",), "auto", 255, ("mask", 0.99995)),
        (("Sigmoid",), ("no", "yes"), "auto", 255, ("yes", 0.99995)),
        ((), ("mask",), "sigmoid", 0, ("mask", 0.5)),
        ((), ("mask",), "scores", 0, ("not mask", 1.0)),
        ((), (), "value", 51, ("2", None)),
    ],
    ids=str,
)
def test_one_number_is_yes_or_no_or_itself(
    last: tuple[str, ...],
    labels: tuple[str, ...],
    answer: AnswerKind,
    blue: int,
    wanted: tuple[str, float | None],
    tmp_path: Path,
) -> None:
    one = classifier(model(tmp_path / "m.onnx", last, answers=1), labels, answer)
    ((label, score),) = said(one, [picture(blue, 0, 0)])
    assert (label, score) == (wanted[0], None if wanted[1] is None else pytest.approx(wanted[1], abs=1e-4))


def test_one_number_of_unknown_meaning_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"m\.onnx: it gives one number; set `answer: value` if that is the answer"):
        classifier(model(tmp_path / "m.onnx", answers=1), ("mask",))


def test_labels_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"m\.onnx: it gives 3 answers, but there are 2 labels \(a, b\)"):
        classifier(model(tmp_path / "m.onnx"), ("a", "b"))


def test_a_picture_without_a_finite_answer_has_none(tmp_path: Path) -> None:
    """The logarithm of no colour at all: fine at warm-up, on grey."""
    one = classifier(model(tmp_path / "m.onnx", logarithm=True), answer="softmax")
    answers = one.classify([RED, MIXED])
    assert answers[0] == {}
    assert answers[1]["a"].label == "green"


@pytest.mark.parametrize(
    "settings",
    [
        {"dtype": TensorProto.UINT8},
        {"dtype": TensorProto.FLOAT16},
        {"dtype": TensorProto.DOUBLE},
        {"batch": 4},
        {"batch": 1},
        {"channels_last": True},
        {"side": "s"},
        {"dtype": TensorProto.UINT8, "channels_last": True, "batch": 4},
    ],
    ids=str,
)
def test_whatever_its_input_is(settings: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "M.ONNX"
    one = classifier(model(path, ("Softmax",), **settings))
    assert [label for label, _ in said(one, [RED, MIXED, RED, MIXED, RED])] == ["red", "green", "red", "green", "red"]


def test_whole_pixels_take_no_mean(tmp_path: Path) -> None:
    path = model(tmp_path / "m.onnx", ("Softmax",), dtype=TensorProto.UINT8)
    with pytest.raises(ModelError, match=r"takes pixels as they are \(uint8, 0 to 255\); remove `mean` and `scale`"):
        classifier(path, mean=(127.0, 127.0, 127.0))


def test_a_batch_that_is_called_open_and_is_not(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    graph = helper.make_graph(
        [
            helper.make_node("GlobalAveragePool", ["input"], ["pooled"]),
            helper.make_node("Reshape", ["pooled", "one"], ["output"]),
        ],
        "g",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["n", 3])],
        initializer=[numpy_helper.from_array(np.array([1, 3], np.int64), "one")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    assert [label for label, _ in said(classifier(path), [RED, MIXED])] == ["red", "green"]


def test_one_output_of_two(tmp_path: Path) -> None:
    path = model(tmp_path / "m.onnx", ("Softmax",), second=True)
    assert [label for label, _ in said(classifier(path, output="other"), [MIXED])] == ["blue"]
    with pytest.raises(ModelError, match="it has no output third, only output, other"):
        classifier(path, output="third")


def test_a_grey_model_says_how(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    graph = helper.make_graph(
        [helper.make_node("GlobalAveragePool", ["input"], ["p"]), helper.make_node("Flatten", ["p"], ["output"])],
        "g",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", 1, SIDE, SIDE])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["n", 1])],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    with pytest.raises(ModelError, match="its input has 1 channels, but BGR has 3; set `order: grey`"):
        classifier(path)
    ((label, _),) = said(classifier(path, (), "value", order="grey"), [picture(51, 51, 51)])
    assert label == "51"
