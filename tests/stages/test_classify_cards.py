"""classify with files that carry a card: the file alone will do, and nothing contradicts it without a word."""

import logging
from pathlib import Path

import msgspec
import numpy as np
import pytest

from framewire.models.catalogue.model_card import KEY, written
from framewire.models.catalogue.model_entry import Head, ModelInput
from framewire.models.crops.alignment import AlignedCrop
from framewire.models.crops.face_crop import BoxCrop, SquareCrop
from framewire.pipeline.frame.packet import Attribute, Detection
from framewire.pipeline.stage import AbsentError, StageError
from framewire.pipeline.testing import StageRunner
from framewire.stages.classify import Classify
from tests.models.carded import COLOURS, SIDE, colour_card, of_colour, write_colours

TWO = (
    Head(attribute="colour", labels=COLOURS, output="colour"),
    Head(attribute="backwards", labels=("a", "b", "c"), output="backwards"),
)


def asked(path: Path | str, of: str = "frame", **more: object) -> dict[str, object]:
    return {"of": of, "device": "cpu", "models": [{"model": str(path), **more}]}


def attributes(options: dict[str, object], pixels: np.ndarray, *found: Detection) -> dict[str, Attribute]:
    with StageRunner(Classify, options) as runner:
        (answer, *_) = runner.process(runner.packet(pixels).plus(list(found))).detections
    return dict(answer.attributes)


def refused(options: dict[str, object]) -> str:
    with pytest.raises(StageError) as caught, StageRunner(Classify, options):
        pass
    text = str(caught.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize(
    ("shape", "kind"),
    [
        (("n", 3, SIDE, SIDE), "float"),
        ((1, 3, SIDE, SIDE), "float"),
        ((4, 3, SIDE, SIDE), "float"),
        (("n", SIDE, SIDE, 3), "float"),
        (("n", 3, SIDE, SIDE), "float16"),
        (("n", 3, SIDE, SIDE), "uint8"),
        ((1, SIDE, SIDE, 3), "uint8"),
        (("n", 3, "h", "w"), "float"),
    ],
)
def test_the_file_alone_will_do(shape: tuple[int | str, ...], kind: str, tmp_path: Path) -> None:
    path = write_colours(tmp_path / "mine.onnx", colour_card(), shape=shape, kind=kind)
    for number, label in enumerate(COLOURS):
        assert attributes(asked(path), of_colour(number))["colour"].label == label


def test_input_order_mean_and_scale_are_the_cards(tmp_path: Path) -> None:
    """In RGB order the first is red; the mean takes from green what makes it strongest."""
    card = colour_card(input=ModelInput(height=SIDE, width=SIDE, order="RGB", mean=(0.0, 250.0, 0.0), scale=0.01))
    path = write_colours(tmp_path / "mine.onnx", card)
    assert attributes(asked(path), of_colour(2))["colour"].label == "blue"
    assert attributes(asked(path), of_colour(1))["colour"].label != "green"


@pytest.mark.parametrize("name", ["with spaces.onnx", "MINE.ONNX", "häuser-猫.onnx"])
def test_any_path_will_do(name: str, tmp_path: Path) -> None:
    path = write_colours(tmp_path / name, colour_card())
    link = tmp_path / "link.onnx"
    link.symlink_to(path)
    for one in (path, link):
        assert attributes(asked(one), of_colour(1))["colour"].label == "green"


def test_all_heads_by_the_cards_names_and_by_the_users(tmp_path: Path) -> None:
    path = write_colours(tmp_path / "mine.onnx", colour_card(heads=TWO), outputs={"colour": 3, "backwards": -3})
    picture = of_colour(0)
    both = attributes(asked(path), picture)
    assert {name: one.label for name, one in both.items()} == {"colour": "blue", "backwards": "c"}
    assert set(attributes(asked(path, name="door"), picture)) == {"door_colour", "door_backwards"}
    assert set(attributes(asked(path, output="backwards"), picture)) == {"backwards"}
    one = attributes(asked(path, output="backwards", name="door"), picture)
    assert {name: answer.label for name, answer in one.items()} == {"door": "c"}


def test_one_file_twice_is_loaded_once(tmp_path: Path) -> None:
    path = write_colours(tmp_path / "mine.onnx", colour_card(heads=TWO), outputs={"colour": 3, "backwards": -3})
    options = asked(path, output="backwards")
    options["models"] = [{"model": str(path), "output": name} for name in ("backwards", "colour")]
    assert set(attributes(options, of_colour(0))) == {"colour", "backwards"}


def test_odd_labels_come_out_as_they_are(tmp_path: Path) -> None:
    odd = ('say "cheese"', "katze, 猫 👩‍👩‍👧", "<b>[red]$x$\\n</b>")
    path = write_colours(tmp_path / "mine.onnx", colour_card(heads=(Head(attribute="Ä b", labels=odd),)))
    for number, label in enumerate(odd):
        assert attributes(asked(path), of_colour(number))["Ä b"].label == label


def test_a_thousand_labels(tmp_path: Path) -> None:
    many = tuple(f"class {number}" for number in range(1000))
    path = write_colours(
        tmp_path / "mine.onnx", colour_card(heads=(Head(attribute="it", labels=many),)), outputs={"y": 1000}
    )
    assert attributes(asked(path), of_colour(1))["it"].label == "class 1"


FACE = Detection(label="face", box=(20, 20, 40, 40), id="faces.0")


def face_picture() -> np.ndarray:
    """Green at the face, red around it."""
    pixels = np.zeros((100, 100, 3), np.uint8)
    pixels[..., 2] = 200
    pixels[20:60, 20:60] = (0, 250, 0)
    return pixels


@pytest.mark.parametrize(
    ("crop", "label"),
    [
        (None, "green"),
        (BoxCrop(margin=0.5), "red"),
        (SquareCrop(side=0.5, down=0.5), "green"),
        (SquareCrop(side=2.0, down=0.5), "red"),
    ],
)
def test_faces_and_objects_are_cut_as_the_card_says(
    crop: BoxCrop | SquareCrop | None, label: str, tmp_path: Path
) -> None:
    path = write_colours(tmp_path / "mine.onnx", colour_card(crop=crop))
    assert attributes(asked(path, of="face"), face_picture(), FACE)["colour"].label == label
    box = msgspec.structs.replace(FACE, label="person")
    assert attributes(asked(path, of="person"), face_picture(), box)["colour"].label == label


def test_where_the_card_has_no_rule_the_users_counts(tmp_path: Path) -> None:
    path = write_colours(tmp_path / "mine.onnx", colour_card())
    for more in ({"margin": 0.5}, {"padding": 20}):
        assert attributes(asked(path, of="face", **more), face_picture(), FACE)["colour"].label == "red"


def test_a_rule_for_faces_is_not_for_whole_frames(tmp_path: Path) -> None:
    """The middle is green, and would be all that a rule for faces cuts out."""
    for crop in (SquareCrop(side=0.3, down=0.4), AlignedCrop()):
        path = write_colours(tmp_path / "mine.onnx", colour_card(crop=crop))
        assert attributes(asked(path), face_picture())["colour"].label == "red"


@pytest.mark.parametrize(
    ("more", "here", "there"),
    [
        ({"order": "RGB"}, "`order` is RGB", "BGR"),
        ({"mean": [1.0, 2.0, 3.0]}, "`mean` is 1, 2, 3", "0, 0, 0"),
        ({"scale": 0.5}, "`scale` is 0.5", "1"),
        ({"height": 9}, "`height` is 9", "8"),
        ({"width": 80}, "`width` is 80", "8"),
        ({"output": "nowhere"}, "`output` is nowhere", "colour"),
        ({"answer": "value"}, "`answer` is value", "3 labels"),
        ({"crop": "aligned"}, "`crop` is aligned", "0.1 of it"),
        ({"margin": 0.0}, "`margin` is 0", "0.1 of it"),
        ({"padding": 3}, "`padding` is 3", "0 pixels wider"),
        ({"labels": "blue\ngreen\n"}, "`labels` has 2 labels", "3"),
        ({"labels": "blue\nlime\nred\n"}, "label 2 of `labels` is 'lime'", "'green'"),
    ],
)
def test_what_contradicts_the_card_is_refused_with_both_values(
    more: dict[str, object], here: str, there: str, tmp_path: Path
) -> None:
    path = write_colours(tmp_path / "mine.onnx", colour_card(crop=BoxCrop(margin=0.1)))
    if "labels" in more:
        (tmp_path / "labels.txt").write_text(str(more["labels"]))
        more = {"labels": str(tmp_path / "labels.txt")}
    text = refused(asked(path, of="face", **more))
    assert text.startswith(f"{path}: {here}, and its card ")
    assert there in text.partition("and its card")[2]


def test_what_agrees_with_the_card_is_not(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("\n".join(COLOURS))
    card = colour_card(crop=BoxCrop(margin=0.1), input=ModelInput(height=SIDE, width=SIDE, order="BGR", scale=1 / 255))
    path = write_colours(tmp_path / "mine.onnx", card)
    same = {
        "order": "BGR",
        "mean": [0.0],
        "scale": 0.00392157,
        "height": SIDE,
        "width": SIDE,
        "output": "colour",
        "crop": "box",
        "margin": 0.1,
        "padding": 0,
        "labels": str(tmp_path / "labels.txt"),
        "answer": "softmax",
    }
    assert attributes(asked(path, of="face", **same), face_picture(), FACE)["colour"].label == "green"


def test_labels_and_answer_are_for_one_head(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("\n".join(COLOURS))
    path = write_colours(tmp_path / "mine.onnx", colour_card(heads=TWO), outputs={"colour": 3, "backwards": -3})
    more = {"labels": str(tmp_path / "labels.txt")}
    assert "its card has 2 (colour, backwards), of which `output` chooses one" in refused(asked(path, **more))
    assert "`answer` is for one answer" in refused(asked(path, answer="softmax"))
    assert set(attributes(asked(path, output="colour", **more), of_colour(0))) == {"colour"}


def test_the_catalogue_is_not_contradicted_without_a_word_either(tmp_path: Path) -> None:
    text = refused(asked("framewire-emotion", of="face", order="RGB"))
    assert "framewire-emotion: `order` is RGB, and the catalogue says grey" in text


@pytest.mark.parametrize(
    ("card", "net", "fault"),
    [
        ({"heads": (Head(attribute="it", labels=COLOURS, output="gone"),)}, {}, "head it is of output gone"),
        ({"heads": (Head(attribute="it", labels=("a", "b")),)}, {}, "head it has 2 labels, and its output 3 numbers"),
        ({"heads": ()}, {}, "it has no heads"),
        ({"heads": (TWO[0], TWO[0])}, {}, "two heads have one name (colour, colour)"),
        ({"heads": (Head(attribute=" ", labels=COLOURS),)}, {}, "a head has no name"),
        ({"heads": (Head(attribute="it", labels=()),)}, {}, "head it has no labels"),
        ({"heads": (Head(attribute="it", labels=("a", "", "c")),)}, {}, "an empty label"),
        ({"heads": (Head(attribute="age", labels=("young", "old"), kind="age"),)}, {}, "its labels are no ranges"),
        (
            {"heads": (Head(attribute="age", labels=("(0-9)",), kind="age"),)},
            {},
            "one number, and its output 3 numbers",
        ),
        ({"input": ModelInput(height=9, width=SIDE, order="BGR")}, {}, "9 pixels high, and the input is 8"),
        ({"input": ModelInput(height=SIDE, width=9, order="BGR")}, {}, "9 pixels wide, and the input is 8"),
        ({"input": ModelInput(height=-1, width=8, order="BGR")}, {}, "its input is -1 x 8"),
        (
            {"input": ModelInput(height=10**6, width=10**6, order="BGR")},
            {"shape": ("n", 3, "h", "w")},
            "its input is 1000000",
        ),
        ({"input": ModelInput(height=SIDE, width=SIDE, order="grey")}, {}, "says grey, and the input has 3 channels"),
        (
            {"input": ModelInput(height=SIDE, width=SIDE, order="grey")},
            {"shape": ("n", SIDE, SIDE, 3)},
            "says grey, and the input has 3 channels",
        ),
        ({}, {"shape": ("n", 1, SIDE, SIDE)}, "says BGR, and the input has 1 channel"),
        ({"input": ModelInput(height=SIDE, width=SIDE, order="BGR", scale=0.0)}, {}, "its scale is 0"),
        ({"input": ModelInput(height=SIDE, width=SIDE, order="BGR", mean=(1.0, 2.0))}, {}, "its mean has 2 numbers"),
        (
            {"input": ModelInput(height=SIDE, width=SIDE, order="BGR", scale=1 / 255)},
            {"kind": "uint8"},
            "pixels as they are",
        ),
        ({"crop": SquareCrop(side=0, down=0.5)}, {}, "its crop is a square of 0 boxes"),
        ({"crop": AlignedCrop(0)}, {}, "its crop is 0 pixels wide"),
    ],
)
def test_a_card_that_does_not_fit_is_refused(
    card: dict[str, object], net: dict[str, object], fault: str, tmp_path: Path
) -> None:
    path = write_colours(tmp_path / "mine.onnx", colour_card(**card), **net)  # type: ignore[arg-type]
    text = refused(asked(path))
    assert text.startswith(f"{path}: its card ")
    assert fault in text


@pytest.mark.parametrize("text", ["", "{}", "null", '{"version": 7}', written(colour_card())[:-9], "\\u0000"])
def test_a_damaged_card_is_refused(text: str, tmp_path: Path) -> None:
    path = write_colours(tmp_path / "mine.onnx", text)
    assert str(path) in refused(asked(path))


def test_a_damaged_byte_in_a_card(tmp_path: Path) -> None:
    path = write_colours(tmp_path / "mine.onnx", colour_card())
    path.write_bytes(path.read_bytes().replace(b'"blue"', b'"bl\xffe"'))
    assert f"{path}: its metadata entry `{KEY}` cannot be read" in refused(asked(path))


def test_files_without_a_card_work_as_ever(tmp_path: Path) -> None:
    path = write_colours(tmp_path / "plain.onnx")
    (tmp_path / "labels.txt").write_text("\n".join(COLOURS))
    assert f"{path}: it has no card: set `labels`" in refused(asked(path))
    (answer,) = attributes(asked(path, labels=str(tmp_path / "labels.txt"), order="BGR"), of_colour(0)).items()
    assert (answer[0], answer[1].label) == ("plain", "blue")


def test_an_export_of_ultralytics_says_its_labels_and_sees_the_middle(tmp_path: Path) -> None:
    """Green in the middle square of a wide frame, blue beside it. Its first colour is red."""
    said = {"task": "classify", "names": "{0: 'r', 1: 'g', 2: 'b'}", "imgsz": f"[{SIDE}, {SIDE}]"}
    path = write_colours(tmp_path / "best.onnx", metadata=said)
    pixels = np.zeros((40, 200, 3), np.uint8)
    pixels[..., 0] = 250
    pixels[:, 80:120] = (0, 200, 0)
    assert attributes(asked(path), pixels)["best"].label == "g"
    assert attributes(asked(path, crop="box"), pixels)["best"].label == "b"
    other = write_colours(tmp_path / "detector.onnx", metadata={**said, "task": "detect"})
    assert "it has no card" in refused(asked(other))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    gone = tmp_path / "gone.onnx"
    assert f"{gone} is not a model that onnxruntime can load: there is no such file" in refused(asked(gone))
    with pytest.raises(AbsentError, match=r"gone\.onnx"):
        StageRunner(Classify, asked(gone)).stage.try_out(connect=False)
    gone.write_bytes(b"this is no model")
    assert str(gone) in refused(asked(gone))
    gone.unlink()
    gone.mkdir()
    assert str(gone) in refused(asked(gone))


def test_another_model_stands_in_for_a_file_that_is_not_there(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    gone = tmp_path / "gone.onnx"
    with caplog.at_level(logging.INFO):
        found = attributes(asked(gone, of="face", instead="framewire-emotion"), face_picture(), FACE)
    assert set(found) == {"emotion"}
    assert f"{gone} is not on this machine: framewire-emotion stands in" in caplog.text


def test_a_file_in_the_users_folder_is_named_by_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_colours(tmp_path / "mine.onnx", colour_card())
    for model in ("mine", "mine.onnx"):
        text = refused({**asked(model), "model_dir": str(tmp_path)})
        assert f"say `model: {path}`" in text
    monkeypatch.setenv("FRAMEWIRE_MODELS", str(tmp_path))
    assert f"say `model: {path}`" in refused(asked("mine"))


@pytest.mark.parametrize("name", ["framewire_emotion.onnx", "framewire-emotion.onnx"])
def test_a_file_with_the_name_of_one_in_the_package_is_told(name: str, tmp_path: Path) -> None:
    path = write_colours(tmp_path / name, colour_card())
    text = refused({**asked("framewire-emotion", of="face"), "model_dir": str(tmp_path)})
    assert f"{path} has the name of the catalogue's framewire-emotion, but is another file" in text
    assert f"say `model: {path}`" in text
    assert attributes(asked(path), of_colour(2))["colour"].label == "red"


def test_a_file_that_is_replaced_in_mid_run_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write_colours(tmp_path / "mine.onnx", colour_card())
    with StageRunner(Classify, asked(path)) as runner:
        chosen = dict(runner.context.chosen)
    write_colours(path, colour_card(heads=(Head(attribute="other", labels=COLOURS),)))
    runner = StageRunner(Classify, asked(path))
    runner.context.chosen.update(chosen)
    with runner:
        pass
    assert f"{path} is another file now" in caplog.text


def test_a_resumed_run_does_not_go_on_with_another_file(tmp_path: Path) -> None:
    path = write_colours(tmp_path / "mine.onnx", colour_card())
    runner = StageRunner(Classify, asked(path))
    runner.context.chosen[f"the file {path} of sha256"] = "0" * 64
    runner.context.run_resumed = True
    with pytest.raises(StageError, match="is another file now"), runner:
        pass
