"""docs/results.md and the JSON Schema say what a result is, and results are so."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from framewire.pipeline.frame.packet import Attribute, Detection, Event, Packet
from framewire.pipeline.result.event_line import EventLine
from framewire.pipeline.result.result import iso_time, json_line, schema_of_results

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "results.md").read_text()
SCHEMA: dict[str, Any] = schema_of_results()
HEADINGS = {"A frame": "FrameResult", "A detection": "DetectionResult", "An event": "EventResult"}


def line_of(packet: Packet) -> dict[str, Any]:
    found = json.loads(json_line(packet))
    Draft202012Validator(SCHEMA).validate(found)
    assert isinstance(found, dict)
    return found


def packet(**fields: Any) -> Packet:
    return Packet(source="cam", stream="cam", seq=0, window=4, width=64, height=48, **fields)


@pytest.mark.parametrize("heading", HEADINGS)
def test_the_page_has_every_key_and_no_other(heading: str) -> None:
    part = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`[^|]+) \|", part, re.MULTILINE)
    keys = {key for row in rows for key in re.findall(r"`(\w+)`", row)}
    assert keys == set(SCHEMA["$defs"][HEADINGS[heading]]["properties"])


def test_the_pages_example_is_a_result() -> None:
    example, event = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    Draft202012Validator(SCHEMA).validate(json.loads(example))
    assert msgspec.json.decode(event, type=EventLine).kind == "crossed"


def test_numbers_are_rounded_to_what_they_are_worth() -> None:
    face = Detection(
        label="face",
        box=(1.23456, 2.0, 100 / 3, 4),
        score=0.123456789,
        landmarks=((1 / 3, 2 / 3),),
        attributes={"age": Attribute("old", 2 / 3, 81.23456)},
    )
    found = line_of(packet(pts=1, time_base=(1, 3), detections=(face,)))
    assert found["pts"] == 0.333333
    (one,) = found["detections"]
    assert one["box"] == [1.2, 2.0, 33.3, 4]
    assert one["score"] == 0.1235
    assert one["landmarks"] == [[0.3, 0.7]]
    assert one["attributes"] == {"age": {"label": "old", "score": 0.6667, "value": 81.235}}


def test_what_nobody_knows_is_left_out() -> None:
    found = line_of(packet())
    assert set(found) == {"schema", "stream", "seq", "pts", "width", "height", "outcome", "detections"}


def test_the_time_and_the_file() -> None:
    found = line_of(packet(taken_ms=1_772_366_400_250, file="a.png"))
    assert (found["time"], found["file"]) == ("2026-03-01T12:00:00.250Z", "a.png")


@given(st.integers(0, 253_402_300_799_999))
def test_every_time_is_one_of_the_schema(unix_ms: int) -> None:
    line_of(packet(taken_ms=unix_ms))
    assert iso_time(unix_ms)[:-1].endswith(f"{unix_ms % 1000:03}")


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (
            Event("crossed", "main door left", 3, direction="left"),
            {"kind": "crossed", "where": "main door left", "track": 3, "line": "main door", "direction": "left"},
        ),
        (Event("entered", "left"), {"kind": "entered", "where": "left"}),
        (Event("in_view", value=2.0), {"kind": "in_view", "value": 2.0}),
    ],
)
def test_the_direction_of_a_crossing_is_a_field_of_its_own(event: Event, expected: dict[str, Any]) -> None:
    assert line_of(packet(events=(event,)))["events"] == [expected]
