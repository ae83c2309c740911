"""A file with a card in real runs, and at the command line: it alone will do, and what it says is told."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from framewire.models.catalogue.model_card import HeadFigures, ModelCard
from framewire.models.catalogue.model_entry import Head
from framewire.models.crops.face_crop import FER_CROP
from framewire.models.datasets.seen_pictures import SeenPictures
from tests.models.carded import COLOURS, colour_card, of_colour, write_colours
from tests.stages.faces import demo_frame
from tests.system.running import SHARED, Finished, Running, framewire, lines_in, run, wait_until

YUNET = SHARED / "models" / "face_detection_yunet_2023mar.onnx"
FRAMES = 12
TWO = (
    Head(attribute="colour", labels=COLOURS, output="colour"),
    Head(attribute="backwards", labels=("a", "b", "c"), output="backwards"),
)


def two_heads(path: Path, **changes: object) -> Path:
    return write_colours(path, colour_card(heads=TWO, **changes), outputs={"colour": 3, "backwards": -3})


def pipeline(folder: Path, stages: str, last: str = "own") -> Path:
    config = folder / "p.yaml"
    config.write_text(f"stages:\n{stages}  list: {{use: jsonl_writer, input: {last}, path: list.jsonl}}\n")
    return config


def found(out: Path, label: str) -> list[dict[str, dict[str, object]]]:
    """The attributes of all detections of a label."""
    lines = [json.loads(line) for line in (out / "list.jsonl").read_text().splitlines()]
    assert len(lines) == FRAMES
    return [one["attributes"] for line in lines for one in line["detections"] if one["label"] == label]


def pictures(folder: Path, label: int) -> None:
    folder.mkdir()
    for number in range(FRAMES):
        assert cv2.imwrite(str(folder / f"{number:02}.png"), of_colour(label, 48, 64, seed=number))


@pytest.mark.parametrize("name", ["my colours.onnx", "MINE.ONNX"])
def test_whole_frames_by_a_file_beside_the_pipeline(name: str, tmp_path: Path) -> None:
    """Two heads; the file is named as it lies beside the YAML file, whatever the current folder."""
    pictures(tmp_path / "in", 1)
    two_heads(tmp_path / name)
    stages = f"""\
  capture: {{source: "in/*.png"}}
  own: {{use: classify, input: capture, of: frame, device: cpu, models: [{{model: "{name}"}}]}}
"""
    finished = run(pipeline(tmp_path, stages), tmp_path / "out")
    assert finished.code == 0, finished.stderr
    frames = found(tmp_path / "out", "frame")
    assert len(frames) == FRAMES
    assert {name: answer["label"] for name, answer in frames[0].items()} == {"colour": "green", "backwards": "b"}
    assert all(set(one) == {"colour", "backwards"} for one in frames)


FACES = """\
  capture: {{source: demo, limit: {frames}}}
  faces: {{use: face_detect, input: capture, device: cpu, {how}}}
  own: {{use: classify, input: faces, device: cpu, models: [{{model: mine.onnx}}]}}
"""


@pytest.mark.parametrize("finder", ["haar", "yunet"])
def test_faces_are_cut_by_the_cards_rule(finder: str, tmp_path: Path) -> None:
    if finder == "yunet" and not YUNET.exists():
        pytest.skip("the shared weights are missing")
    how = "method: haar" if finder == "haar" else f"method: dnn, model: yunet, model_dir: '{YUNET.parent}'"
    two_heads(tmp_path / "mine.onnx", crop=FER_CROP)
    finished = run(pipeline(tmp_path, FACES.format(frames=FRAMES, how=how)), tmp_path / "out")
    assert finished.code == 0, finished.stderr
    faces = found(tmp_path / "out", "face")
    assert len(faces) >= FRAMES
    assert all(set(one) == {"colour", "backwards"} for one in faces)
    # Skin is red.
    assert all((one["colour"]["label"], one["backwards"]["label"]) == ("red", "a") for one in faces)


def test_a_file_that_is_renamed_while_it_is_used(tmp_path: Path) -> None:
    path = two_heads(tmp_path / "mine.onnx")
    config = pipeline(tmp_path, FACES.format(frames=60, how="method: haar"))
    running = Running(config, tmp_path / "out")
    wait_until(lambda: lines_in(tmp_path / "out" / "list.jsonl") >= 5, "five frames")
    path.rename(tmp_path / "other.onnx")
    finished = running.finish()
    assert finished.code == 0, finished.stderr
    assert lines_in(tmp_path / "out" / "list.jsonl") == 60


@pytest.mark.parametrize(
    ("card", "model", "said"),
    [
        (colour_card(), "{model: mine.onnx}", ""),
        (colour_card(), "{model: mine.onnx, order: RGB}", "`order` is RGB, and its card says BGR"),
        (colour_card(heads=(TWO[1],)), "{model: mine.onnx}", "head backwards is of output backwards"),
        ("{", "{model: mine.onnx}", "cannot be read"),
        (None, "{model: mine.onnx}", "it has no card: set `labels`"),
        (colour_card(), "{model: mine}", "say `model: mine.onnx`"),
    ],
)
def test_check_opens_it(card: ModelCard | str | None, model: str, said: str, tmp_path: Path) -> None:
    write_colours(tmp_path / "mine.onnx", card)
    stages = f"  capture: {{source: demo}}\n  own: {{use: classify, input: capture, of: frame, models: [{model}]}}\n"
    done = framewire("check", str(pipeline(tmp_path, stages)), cwd=tmp_path)
    assert (done.code, done.stderr.count("\n")) == ((2, 1) if said else (0, 0)), done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_info_tells_the_card(tmp_path: Path) -> None:
    figures = (HeadFigures(attribute="colour", count=50, accuracy=0.98),)
    two_heads(tmp_path / "mine.onnx", figures=figures, bits=8, crop=FER_CROP)
    done = framewire("models", "info", "mine.onnx", cwd=tmp_path)
    assert (done.code, done.stderr) == (0, "")
    said = {line.split("  ")[0]: line.split("  ", 1)[1].strip() for line in done.stdout.splitlines()}
    assert said["net"] == "lenet"
    assert said["input"] == "8 x 8, BGR, mean 0, 0, 0, scale 1"
    assert (said["colour"], said["backwards"]) == ("blue, green, red", "a, b, c")
    assert said["trained on"] == "3 pictures of drawn.zip"
    assert said["colour held out"] == "98.00% right, of 50 pictures"
    assert said["bits"] == "8"
    assert said["crop"].startswith("a square of 1.02 times the box's height")
    assert len(said["sha256"]) == 64


def test_info_tells_what_a_file_without_a_card_takes_and_gives(tmp_path: Path) -> None:
    write_colours(tmp_path / "plain.onnx", metadata={"author": "some\nbody\x1b[2J"})
    done = framewire("models", "info", "plain.onnx", cwd=tmp_path)
    assert (done.code, done.stderr) == (0, "")
    assert "card      none" in done.stdout
    assert "x float (n, 3, 8, 8)" in done.stdout
    assert "colour float (n, 3)" in done.stdout
    assert r"author: some\nbody\x1b[2J" in done.stdout


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("gone.onnx", 2, "gone.onnx: there is no such file"),
        ("folder.onnx", 2, "folder.onnx: it is not a file"),
        ("noise.onnx", 1, "noise.onnx is not a model that onnxruntime can load"),
        ("noise", 1, "noise is not a model that onnxruntime can load"),
        ("empty.onnx", 1, "empty.onnx is not a model that onnxruntime can load"),
        ("wrong.onnx", 1, "head backwards is of output backwards, and the network has only colour"),
        ("mine", 2, "unknown model 'mine'"),
    ],
)
def test_info_of_files_that_are_none(name: str, code: int, said: str, tmp_path: Path) -> None:
    (tmp_path / "folder.onnx").mkdir()
    (tmp_path / "empty.onnx").touch()
    for noise in ("noise.onnx", "noise"):
        (tmp_path / noise).write_bytes(b"noise" * 100)
    write_colours(tmp_path / "wrong.onnx", colour_card(heads=TWO))
    done = framewire("models", "info", name, cwd=tmp_path)
    assert done.code == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def evaluate(folder: Path, *arguments: str) -> tuple[Finished, dict[str, object]]:
    figures = folder / "figures.json"
    done = framewire("evaluate", *arguments, "--json", str(figures), "--pictures", str(folder / "charts"), cwd=folder)
    assert "Traceback" not in done.stderr
    return done, json.loads(figures.read_text()) if done.code == 0 else {}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Four pictures of each colour, of which the model has seen the first of each."""
    seen = []
    for place, name in enumerate(COLOURS):
        (tmp_path / "data" / name).mkdir(parents=True)
        for number in range(4):
            picture = of_colour(place, seed=10 * place + number)
            assert cv2.imwrite(str(tmp_path / "data" / name / f"{number}.png"), picture)
            seen += [picture] if not number else []
    two_heads(tmp_path / "mine.onnx", seen=SeenPictures.of(seen).as_text())
    np.savez(tmp_path / "seen.npz", images=np.stack(seen), labels=[0, 1, 2], classes=COLOURS)
    return tmp_path / "data"


@pytest.mark.parametrize(("split", "count", "left_out"), [("validation", 9, 3), ("train", 3, 9), ("all", 12, 0)])
def test_what_it_was_trained_on_is_left_out(split: str, count: int, left_out: int, data: Path) -> None:
    done, figures = evaluate(data.parent, "mine.onnx", "--data", "data", "--split", split)
    assert done.code == 0, done.stderr
    assert (figures["count"], figures["left_out"], figures["accuracy"]) == (count, left_out, 1.0)
    assert figures["head"] == "colour"
    assert (f"left out: {left_out} pictures that the model" in done.stdout) == bool(left_out)
    assert (data.parent / "charts" / "mine-on-data.png").stat().st_size > 1000


def test_of_an_arrays_parts_those_are_measured_that_chose_nothing(data: Path) -> None:
    """The model has seen the first three pictures: two were trained on, one chose the epoch."""
    pictures = [of_colour(place, seed=10 * place + number) for number in (0, 1, 2) for place in range(3)]
    parts = {"train": [0, 1, 3], "val": [2], "test": [3, 4, 5, 6]}
    arrays = {f"{name}_images": np.stack([pictures[one] for one in places]) for name, places in parts.items()}
    labels = {f"{name}_labels": [one % 3 for one in places] for name, places in parts.items()}
    np.savez(data.parent / "parts.npz", classes=COLOURS, **arrays, **labels)  # type: ignore[arg-type]
    for split, count, left_out in (("validation", 4, 1), ("train", 3, 5), ("all", 8, 0)):
        done, figures = evaluate(data.parent, "mine.onnx", "--data", "parts.npz", "--split", split)
        assert done.code == 0, done.stderr
        # A picture to train on that is measured, too, was not trained on: it is not measured twice either.
        assert (split, figures["count"], figures["left_out"]) == (split, count, left_out)


def test_nothing_is_left(data: Path) -> None:
    done, _ = evaluate(data.parent, "mine.onnx", "--data", "seen.npz")
    assert done.code == 2
    assert "mine has seen all of its 3 pictures in training; measure on others, or say --split all" in done.stderr
    done, figures = evaluate(data.parent, "mine.onnx", "--data", "seen.npz", "--split", "all")
    assert (done.code, figures["count"]) == (0, 3)


def test_which_head_is_measured(data: Path) -> None:
    for name, place in (("a", 2), ("b", 1), ("c", 0)):
        (data / COLOURS[place]).rename(data / name)
    done, figures = evaluate(data.parent, "mine.onnx", "--data", "data")
    assert (done.code, figures["head"], figures["accuracy"]) == (0, "backwards", 1.0)
    done, _ = evaluate(data.parent, "mine.onnx", "--data", "data", "--head", "colour")
    assert done.code == 2
    assert "its classes (a, b, c) are not the model's labels (blue, green, red)" in done.stderr
    done, _ = evaluate(data.parent, "mine.onnx", "--data", "data", "--head", "gone")
    assert "mine has no head gone; --head takes one of colour, backwards" in done.stderr


def test_heads_that_fit_alike(data: Path) -> None:
    heads = (TWO[0], Head(attribute="again", labels=COLOURS, output="backwards"))
    write_colours(data.parent / "mine.onnx", colour_card(heads=heads), outputs={"colour": 3, "backwards": -3})
    done, _ = evaluate(data.parent, "mine.onnx", "--data", "data")
    assert done.code == 2
    assert "several heads whose labels fit the data (colour, again); choose one with --head" in done.stderr
    done, figures = evaluate(data.parent, "mine.onnx", "--data", "data", "--head", "again")
    assert done.code == 0
    assert figures["accuracy"] == pytest.approx(1 / 3, abs=1e-3)
    assert "mine does not say which pictures it was trained on" in done.stderr


def test_a_class_that_the_model_does_not_know_is_told(data: Path) -> None:
    (data / "red").rename(data / "[red] $x$")
    done, figures = evaluate(data.parent, "mine.onnx", "--data", "data", "--split", "all")
    assert done.code == 0, done.stderr
    assert figures["unknown"] == ["[red] $x$"]
    assert "not among the model's labels, so wrong: [red] $x$" in done.stdout


@pytest.mark.parametrize(
    ("model", "code", "said"),
    [
        ("gone.onnx", 2, "gone.onnx: there is no such file"),
        ("plain.onnx", 2, "plain.onnx: it has no card: give its labels with --labels-file FILE"),
        ("noise.onnx", 1, "noise.onnx"),
        ("wrong.onnx", 1, "wrong.onnx: its card does not fit its network"),
        ("mine", 2, "unknown model 'mine'"),
    ],
)
def test_what_cannot_be_measured(model: str, code: int, said: str, data: Path) -> None:
    write_colours(data.parent / "plain.onnx")
    write_colours(data.parent / "wrong.onnx", colour_card(heads=TWO))
    (data.parent / "noise.onnx").write_bytes(b"noise" * 100)
    done, _ = evaluate(data.parent, model, "--data", "data")
    assert done.code == code
    assert said in done.stderr


def test_a_file_without_a_card_by_its_labels(data: Path) -> None:
    """It takes RGB, as files do that say nothing, so its first number is red's."""
    write_colours(data.parent / "plain.onnx")
    (data.parent / "labels.txt").write_text("red\ngreen\nblue\n")
    done, figures = evaluate(data.parent, "plain.onnx", "--data", "data", "--labels-file", "labels.txt")
    assert (done.code, figures["count"], figures["accuracy"]) == (0, 12, 1.0)


def test_faces_are_found_first(tmp_path: Path) -> None:
    """By Haar, in pictures of a face with something around it."""
    (tmp_path / "data" / "red").mkdir(parents=True)
    (tmp_path / "data" / "blue").mkdir()
    picture = demo_frame(0)
    assert cv2.imwrite(str(tmp_path / "data" / "red" / "1.png"), picture)
    assert cv2.imwrite(str(tmp_path / "data" / "blue" / "1.png"), np.zeros((99, 99, 3), np.uint8))
    write_colours(tmp_path / "mine.onnx", colour_card(crop=FER_CROP))
    done, figures = evaluate(tmp_path, "mine.onnx", "--data", "data", "--detector", "haar")
    assert done.code == 0, done.stderr
    assert (figures["count"], figures["missed"], figures["accuracy"]) == (1, 1, 1.0)


def test_ages_and_genders_whatever_the_heads_order_and_names(tmp_path: Path) -> None:
    """Blue is the age; where it is more than green, the first label is right. One of three has been seen."""
    heads = (
        Head(attribute="gender", labels=("Woman", "Man"), output="gender"),
        Head(attribute="years", labels=("(0-50)", "(51-255)"), output="years", kind="age"),
    )
    (tmp_path / "data").mkdir()
    people = {"40_1_0_a.png": (40, 10, 0), "70_0_1_b.png": (70, 90, 0), "90_0_1_c.png": (80, 20, 0)}
    pictures = {name: np.full((20, 20, 3), colour, np.uint8) for name, colour in people.items()}
    for name, picture in pictures.items():
        assert cv2.imwrite(str(tmp_path / "data" / name), picture)
    seen = SeenPictures.of([pictures["70_0_1_b.png"]]).as_text()
    write_colours(tmp_path / "mine.onnx", colour_card(heads=heads, seen=seen), outputs={"gender": 2, "years": 1})
    done, figures = evaluate(tmp_path, "mine.onnx", "--data", "data")
    assert done.code == 0, done.stderr
    assert (figures["count"], figures["left_out"], figures["age_mae"]) == (2, 1, 5.0)
    assert figures["gender_accuracy"] == 0.5
