from pathlib import Path

import pytest

from framewire.pipeline.document.yaml_text import parse_scalar
from framewire.pipeline.graph import ConfigError, load_pipeline
from framewire.pipeline.graph.spec import BatchSpec

CONFIG = Path(__file__).resolve().parents[3] / "configs" / "demo.yaml"
TWO_SOURCES = Path(__file__).resolve().parents[2] / "configs" / "valid" / "two-sources-one-sink.yaml"


def test_options_are_set_as_yaml_would_read_them() -> None:
    spec = load_pipeline(CONFIG, ["faces.min_neighbors=7", "video.path=other.mp4", "faces.replicas=3"], "people.mp4")
    assert spec.stage("faces").options["min_neighbors"] == 7
    assert spec.stage("faces").replicas == 3
    assert spec.stage("video").options["path"] == "other.mp4"
    assert spec.stage("capture").options["source"] == "people.mp4"


def test_parts_of_an_option_are_reached_by_dots() -> None:
    settings = ["faces.batch.size=4", "faces.batch.wait_ms=5", "drawn.styles.face.thickness=9"]
    spec = load_pipeline(CONFIG, settings)
    assert spec.stage("faces").batch == BatchSpec(size=4, wait_ms=5)
    assert spec.stage("drawn").options["styles"]["face"]["thickness"] == 9
    with pytest.raises(ConfigError, match=r"^--set faces.batch.siz=4: batch has no option 'siz' \(did you mean 'size'"):
        load_pipeline(CONFIG, ["faces.batch.siz=4"])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("faces.min_neighbors=many", "--set faces.min_neighbors=many: min_neighbors: 'many' is not a whole number"),
        ("faces.min_neighbor=3", "--set faces.min_neighbor=3: stage 'faces' has no option 'min_neighbor' (did you"),
        ("face.min_neighbors=3", "--set face.min_neighbors=3: there is no stage 'face'"),
        ("faces=3", "--set faces=3: write it as STAGE.OPTION=VALUE"),
        ("faces.width", "--set faces.width: write it as STAGE.OPTION=VALUE"),
        ("faces.width=[", "--set faces.width=[: width: '[' is not a whole number"),
        ("metadata.path=on", '--set metadata.path=on: path: True is not text; put it in quotes: "on"'),
        ("video.path=demo.jsonl", "'metadata' writes to demo.jsonl, and so does 'video'"),
    ],
)
def test_what_is_wrong_is_named(override: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_pipeline(CONFIG, [override])
    assert message in str(caught.value)


def test_source_needs_to_know_which() -> None:
    with pytest.raises(ConfigError, match="the pipeline has 2 sources; use --set"):
        load_pipeline(TWO_SOURCES, source="people.mp4")


def test_variables_come_from_the_environment() -> None:
    path = TWO_SOURCES.with_name("variables.yaml")
    spec = load_pipeline(path, environment={"FRAMEWIRE_TEST_REPLICAS": "5", "FRAMEWIRE_TEST_NAME": "people"})
    assert spec.stage("faces").replicas == 5
    assert spec.stage("out").options["path"] == "people.jsonl"
    assert spec.stage("capture").options["source"] == "demo"
    # As in a shell, one that is empty has the default, too.
    assert load_pipeline(path, environment={"FRAMEWIRE_TEST_NAME": ""}).stage("out").options["path"] == "faces.jsonl"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("0.5", 0.5),
        ("true", True),
        ("null", None),
        ("[1, 2]", [1, 2]),
        ("{size: 4}", {"size": 4}),
        ('"007"', "007"),
        ("a #b.jsonl", "a #b.jsonl"),
        ("#00ff00", "#00ff00"),
        ("{stream}", "{stream}"),
        ("{stream}/{part:02d}.mp4", "{stream}/{part:02d}.mp4"),
        ("f_%04d.png", "f_%04d.png"),
        ("%d", "%d"),
        ("2024-01-01", "2024-01-01"),
        ("a: b", "a: b"),
        ("[a", "[a"),
        ("*.png", "*.png"),
    ],
)
def test_words_are_whole(text: str, value: object) -> None:
    assert parse_scalar(text) == value
