"""A user's modules go to the agents: those beside the pipeline that are used, and nothing else."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from framewire.pipeline.graph import PipelineSpec, load_pipeline
from framewire.pipeline.line.modules import BYTES_MAX, Module, ModulesError, lay_out, modules_of

STAGE = """
from framewire import Stage, stage

@stage("sent")
class Sent(Stage):
    def process(self, frame):
        return frame
"""
PIPELINE = """
engine: agents
machines: {{n: {{}}}}
stages:
  capture: {{source: demo, on: n}}
  mine: {{use: "{use}", input: capture, on: n}}
  lines: {{use: jsonl_writer, input: mine, on: n, path: lines.jsonl}}
"""


@pytest.fixture
def beside(tmp_path: Path) -> Iterator[Path]:
    """A folder with a module, a package and what is neither."""
    package = tmp_path / "sent_package"
    (package / "inner").mkdir(parents=True)
    for path in (tmp_path / "sent_module.py", package / "__init__.py"):
        path.write_text(STAGE)
    (package / "inner" / "deep.py").write_text("DEEP = 1\n")
    (tmp_path / "lazy.py").write_text("LAZY = 1\n")
    (tmp_path / "film.mp4").write_bytes(b"no module")
    (tmp_path / "not a module.py").write_text("")
    yield tmp_path
    for name in ("sent_module", "sent_package"):
        sys.modules.pop(name, None)
    sys.meta_path[:] = [one for one in sys.meta_path if getattr(one, "folder", "") != str(tmp_path)]
    sys.path[:] = [place for place in sys.path if place != str(tmp_path)]


def spec_of(folder: Path, use: str) -> PipelineSpec:
    return load_pipeline(folder / "p.yaml", text=PIPELINE.format(use=use), out=folder / "out")


def test_all_modules_beside_the_pipeline_go_with_one_that_is_used(beside: Path) -> None:
    sent = modules_of(spec_of(beside, "sent_module:Sent"))
    assert [module.path for module in sent] == ["lazy.py", "sent_module.py"]
    assert sent[1].code == STAGE.encode()


def test_a_package_goes_whole(beside: Path) -> None:
    sent = modules_of(spec_of(beside, "sent_package:Sent"))
    assert {"sent_package/__init__.py", "sent_package/inner/deep.py"} <= {module.path for module in sent}


def test_nothing_goes_if_nothing_is_used(beside: Path) -> None:
    assert modules_of(spec_of(beside, "face_detect")) == ()


def test_a_library_is_not_sent(beside: Path) -> None:
    (beside / "large.py").write_bytes(b"#" * BYTES_MAX)
    with pytest.raises(ModulesError, match=r"1\.0 MiB, and 1 MiB may be"):
        modules_of(spec_of(beside, "sent_module:Sent"))


def test_what_is_laid_out_is_what_was_sent_and_nothing_older(tmp_path: Path) -> None:
    folder = tmp_path / "modules"
    lay_out((Module("old.py", b""), Module("a/b.py", b"B = 1\n")), folder)
    lay_out((Module("a/b.py", b"B = 2\n"),), folder)
    assert {str(path.relative_to(folder)) for path in folder.rglob("*.py")} == {"a/b.py"}
    assert (folder / "a" / "b.py").read_text() == "B = 2\n"


@pytest.mark.parametrize(
    "path", ["../a.py", "/etc/a.py", "a/../../b.py", "a.so", "a.py/b", ".py", "a b.py", "a.py\n", ""]
)
def test_what_is_no_module_is_refused(path: str, tmp_path: Path) -> None:
    with pytest.raises(ModulesError):
        lay_out((Module(path, b""),), tmp_path / "modules")
