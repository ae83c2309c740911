"""What a run with other machines needs is looked for before anything starts."""

import sys
from pathlib import Path

import pytest

from framewire.pipeline.document.config_error import ConfigError
from framewire.pipeline.graph import PipelineSpec, load_pipeline
from framewire.pipeline.line.keys import make_keys
from framewire.pipeline.terminal.agents_address import Found, machines_for

SPLIT = """
engine: agents
machines: {n: {}}
links: {secure: %s}
stages:
  capture: {source: demo}
  faces: {use: face_detect, input: capture, on: n}
  lines: {use: jsonl_writer, input: faces, path: lines.jsonl}
"""
DEALT = """
engine: agents
machines: {n: {}}
stages:
  capture: {source: demo, on: {streams: [n]}}
  faces: {use: face_detect, input: capture}
  lines: {use: jsonl_writer, input: faces, path: "{machine}.jsonl"}
"""


def loaded(text: str, folder: Path) -> PipelineSpec:
    (folder / "machines.yaml").write_text(text)
    make_keys(folder / "keys", ["n"])
    return load_pipeline(folder / "machines.yaml")


@pytest.mark.parametrize(
    ("text", "agents", "is_needed"),
    [
        (SPLIT % "auto", "127.0.0.1:9798", False),
        (SPLIT % "auto", "10.0.0.1:9798", True),
        (SPLIT % "always", "127.0.0.1:9798", True),
        (DEALT, "10.0.0.1:9798", False),
    ],
)
def test_the_package_that_encrypts_is_needed_where_pictures_leave_the_machine(
    text: str, agents: str, is_needed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, found = loaded(text, tmp_path), Found(agents, tmp_path / "keys", None, False)
    assert machines_for(spec, tmp_path, found) is not None
    monkeypatch.setitem(sys.modules, "cryptography", None)
    if is_needed:
        with pytest.raises(ConfigError, match=r"links: .*pip install \"framewire\[machines\]\""):
            machines_for(spec, tmp_path, found)
    else:
        assert machines_for(spec, tmp_path, found) is not None
