"""The JSON Schema of pipeline files, generated from the option types: editors check and complete with it."""

import json
from typing import Any

import msgspec

from framewire.pipeline.graph.keys import PipelineKeys, StageKeys
from framewire.pipeline.registry import find_stage, known_stages

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_VARIABLE = {"type": "string", "pattern": r"\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\}"}
_REFERENCE = "#/$defs/{name}"


def schema_text() -> str:
    """The schema as indented JSON."""
    return json.dumps(pipeline_schema(), indent=2)


def pipeline_schema() -> dict[str, Any]:
    """The schema: a stage's options are those of its `use`, or of the stage with its own name."""
    names = known_stages()
    options = [find_stage(name).Options for name in names]
    schemas, definitions = msgspec.json.schema_components([PipelineKeys, StageKeys, *options], ref_template=_REFERENCE)
    top, engine = definitions["PipelineKeys"], definitions["StageKeys"]
    del schemas
    for name, struct in zip(names, options, strict=True):
        own = definitions.pop(struct.__name__)
        definitions[name] = {
            "title": name,
            "description": find_stage(name).__doc__ or "",
            "type": ["object", "null"],
            "properties": _with_variables({**engine["properties"], **own.get("properties", {})}),
            "required": own.get("required", []),
            "additionalProperties": False,
        }
    by_use = {
        "type": ["object", "null"],
        "required": ["use"],
        "allOf": [
            {"if": {"properties": {"use": {"const": name}}, "required": ["use"]}, "then": _reference(name)}
            for name in names
        ],
    }
    definitions["by_use"] = by_use
    for unused in ("PipelineKeys", "StageKeys"):
        del definitions[unused]
    stages = {
        "type": "object",
        "minProperties": 1,
        "properties": {
            name: {"if": {"required": ["use"]}, "then": _reference("by_use"), "else": _reference(name)}
            for name in names
        },
        "additionalProperties": _reference("by_use"),
    }
    return {
        "$schema": DIALECT,
        "title": "Framewire pipeline",
        "type": "object",
        "properties": {**_with_variables(top["properties"]), "stages": stages},
        "required": ["stages"],
        "additionalProperties": False,
        "$defs": definitions,
    }


def _with_variables(properties: dict[str, Any]) -> dict[str, Any]:
    """Every value may also be a ${VARIABLE}, whatever its type."""
    return {
        name: {
            **{key: schema[key] for key in ("description", "default") if key in schema},
            "anyOf": [schema, _VARIABLE],
        }
        for name, schema in properties.items()
    }


def _reference(name: str) -> dict[str, str]:
    return {"$ref": _REFERENCE.format(name=name)}
