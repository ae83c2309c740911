import json
import xml.etree.ElementTree as ET
from pathlib import Path

import jsonschema
import pytest
import yaml

from framewire.pipeline.drawing.mermaid import mermaid
from framewire.pipeline.drawing.svg import svg
from framewire.pipeline.graph import load_pipeline, make_plan
from framewire.pipeline.graph.schema import pipeline_schema

CONFIGS = Path(__file__).resolve().parents[3] / "configs"


def test_mermaid_names_every_stage_edge_and_process() -> None:
    spec = load_pipeline(CONFIGS / "tutorial-haar.yaml")
    text = mermaid(spec, make_plan(spec))
    assert text.startswith("flowchart LR\n")
    assert 'subgraph work["process work"]' in text
    assert 'faces["faces (face_detect) x 2"]' in text
    assert "    capture --> faces\n" in text
    assert text.count("-->") == 5


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_picture_has_a_box_for_each_stage_and_they_do_not_overlap(path: Path) -> None:
    spec = load_pipeline(path)
    root = ET.fromstring(svg(spec, make_plan(spec)))
    space = "{http://www.w3.org/2000/svg}"
    boxes = [
        tuple(float(box.attrib[key]) for key in ("x", "y", "width", "height"))
        for box in root.iter(f"{space}rect")
        if box.attrib.get("rx") == "8"
    ]
    assert len(boxes) == len(spec.stages)
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    for number, (x, y, w, h) in enumerate(boxes):
        assert 0 <= x <= width - w
        assert 0 <= y <= height - h
        for x2, y2, w2, h2 in boxes[number + 1 :]:
            assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y


def test_the_schema_knows_every_option() -> None:
    schema = pipeline_schema()
    assert json.loads(json.dumps(schema)) == schema
    scale = schema["$defs"]["face_detect"]["properties"]["scale_factor"]
    assert scale["anyOf"][0]["exclusiveMinimum"] == 1
    assert "ratio" in scale["description"]
    assert "replicas" in schema["$defs"]["face_detect"]["properties"]


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_files_fit_the_schema(path: Path) -> None:
    jsonschema.validate(yaml.safe_load(path.read_text()), pipeline_schema())


@pytest.mark.parametrize("name", ["unknown-key", "unknown-top-key", "wrong-type", "out-of-range", "wrong-choice"])
def test_the_schema_finds_what_an_editor_can_find(name: str) -> None:
    text = (CONFIGS.parent / "tests" / "configs" / "invalid" / f"{name}.yaml").read_text()
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(yaml.safe_load(text), pipeline_schema())
