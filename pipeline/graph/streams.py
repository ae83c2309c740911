"""Several streams from one stage: `sources: {door: ..., hall: ...}` expands to a source stage for each."""

from typing import Any

from framewire.pipeline.document.config_error import ConfigError
from framewire.pipeline.document.yaml_text import Document

SOURCES = "sources"
SOURCE = "source"
INPUT = "input"


def expand_streams(document: Document) -> None:
    """Expand each stream to a stage, with the shared options and its own.

    Stages that read the original read all of its streams. Raises ConfigError.
    """
    stages: dict[str, Any] = document.value.get("stages") or {}
    expanded: dict[str, Any] = {}
    streams_of: dict[str, list[str]] = {}
    for name, keys in stages.items():
        if SOURCES not in keys:
            expanded[name] = keys
            continue
        streams = _streams(document, name, keys)
        streams_of[name] = list(streams)
        for stream, options in streams.items():
            if stream in stages or stream in expanded:
                raise ConfigError(
                    document.key_place("stages", name, SOURCES, stream),
                    f"the stream {stream!r} has the name of a stage; rename it",
                )
            expanded[stream] = options
            document.alias(("stages", stream), ("stages", name))
            document.alias(("stages", stream), ("stages", name, SOURCES, stream))
    if streams_of:
        for keys in expanded.values():
            if INPUT in keys:
                keys[INPUT] = _inputs(keys[INPUT], streams_of)
        document.value["stages"] = expanded


def stream_path(document: Document, stream: str) -> tuple[str, ...] | None:
    """The path to a stream's options in the `sources` of some stage; None if no stage has the stream."""
    stages: dict[str, Any] = document.value.get("stages") or {}
    for name, keys in stages.items():
        streams = keys.get(SOURCES)
        if isinstance(streams, dict) and stream in streams:
            if not isinstance(streams[stream], dict):
                streams[stream] = {SOURCE: streams[stream]}
            return ("stages", name, SOURCES, stream)
    return None


def _streams(document: Document, name: str, keys: dict[str, Any]) -> dict[str, dict[str, Any]]:
    named = keys[SOURCES]
    if not isinstance(named, dict) or not named:
        raise ConfigError(
            document.place("stages", name, SOURCES), "`sources` must be a mapping from stream names to addresses"
        )
    if SOURCE in keys:
        raise ConfigError(
            document.key_place("stages", name, SOURCE), f"{name!r} has both `source` and `sources`; keep one"
        )
    shared = {key: value for key, value in keys.items() if key != SOURCES}
    shared.setdefault("use", name)
    return {
        stream: {**shared, **own} if isinstance(own, dict) else {**shared, SOURCE: own} for stream, own in named.items()
    }


def _inputs(given: Any, streams_of: dict[str, list[str]]) -> Any:
    names = given if isinstance(given, list) else [given]
    if not any(isinstance(name, str) and name in streams_of for name in names):
        return given
    return [stream for name in names for stream in streams_of.get(name, [name])]
