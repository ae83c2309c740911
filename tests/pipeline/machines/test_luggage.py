"""What a stage on another machine reads, and lies at home, is named with its hash; nothing else is."""

import hashlib
import sys
from pathlib import Path

import pytest

from framewire.pipeline.graph import PipelineSpec, load_pipeline
from framewire.pipeline.line.lent_file import LentFile
from framewire.pipeline.machines.luggage import FilesError, Luggage, luggage_of
from tests.models.carded import colour_card, write_colours

PIPELINE = """
engine: agents
machines: {n: {count: 2}}
stages:
  capture: {source: demo}
  far: {use: classify, input: capture, of: frame, models: [{model: MODEL, labels: words.txt}], WHERE}
  here: {use: classify, input: far, of: frame, models: [{model: other.onnx}]}
  lines: {use: jsonl_writer, input: here, path: lines.jsonl}
"""


@pytest.fixture
def beside(tmp_path: Path) -> Path:
    write_colours(tmp_path / "mine.onnx", colour_card())
    (tmp_path / "other.onnx").write_bytes(b"other")
    return tmp_path


def spec_of(folder: Path, where: str = "on: n-0", model: str = "mine.onnx", sets: tuple[str, ...] = ()) -> PipelineSpec:
    text = PIPELINE.replace("WHERE", where).replace("MODEL", model)
    return load_pipeline(folder / "p.yaml", sets, text=text, out=folder / "out")


def files_of(luggage: Luggage, machine: str = "n-0") -> dict[str, LentFile]:
    return {file.text or file.name: file for file in luggage.for_machine(machine)}


def test_files_beside_the_pipeline_go_with_the_stage(beside: Path) -> None:
    luggage = luggage_of(spec_of(beside))
    raw = (beside / "mine.onnx").read_bytes()
    sha256 = hashlib.sha256(raw).hexdigest()
    assert luggage.for_machine("n-0") == (LentFile("far", "mine.onnx", "mine.onnx", "mine.onnx", sha256, len(raw)),)
    assert [file.path for file in luggage.here_of("n-0")] == [beside / "mine.onnx"]
    assert luggage.for_machine("n-1") == ()


def test_files_of_shared_replicas_go_to_all_machines(beside: Path) -> None:
    luggage = luggage_of(spec_of(beside, "on: n, replicas: 2"))
    assert luggage.for_machine("n-0") == luggage.for_machine("n-1") != ()


def test_files_in_the_current_folder_go_along(beside: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (beside / "now").mkdir()
    (beside / "now" / "words.txt").write_text("a\nb\n")
    (beside / "now" / "mine.onnx").write_bytes(b"what lies beside the pipeline goes first")
    monkeypatch.chdir(beside / "now")
    luggage = luggage_of(spec_of(beside))
    assert set(files_of(luggage)) == {"mine.onnx", "words.txt"}
    assert files_of(luggage)["mine.onnx"].size == (beside / "mine.onnx").stat().st_size


def test_a_word_is_a_name_even_if_a_file_is_called_so(beside: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (beside / "now").mkdir()
    (beside / "now" / "framewire-emotion").write_bytes(b"")
    monkeypatch.chdir(beside / "now")
    assert files_of(luggage_of(spec_of(beside, model="framewire-emotion"))) == {}


def test_what_is_not_at_home_is_looked_for_there(beside: Path) -> None:
    assert files_of(luggage_of(spec_of(beside, model="/opt/models/theirs.onnx"))) == {}


def test_what_a_source_reads_stays_where_it_is(beside: Path) -> None:
    (beside / "film.mp4").write_bytes(b"film")
    text = PIPELINE.replace("{source: demo}", "{source: film.mp4, on: n-1}").replace("WHERE", "on: n-0")
    spec = load_pipeline(beside / "p.yaml", text=text.replace("MODEL", "mine.onnx"), out=beside / "out")
    assert luggage_of(spec).for_machine("n-1") == ()


def test_models_of_the_catalogue_go_along_if_they_are_here(beside: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model whose hash the catalogue does not know is sent only if it is trusted here."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(beside / "cache"))
    monkeypatch.setenv("HOME", str(beside))
    spec = spec_of(beside, model="emotion-ferplus")
    assert files_of(luggage_of(spec)) == {}
    cached = beside / "cache" / "framewire" / "models" / "emotion-ferplus-8.onnx"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"weights")
    assert files_of(luggage_of(spec)) == {}
    (cached.parent / "trusted.json").write_text(f'{{"{cached.name}": "{hashlib.sha256(b"weights").hexdigest()}"}}')
    (file,) = luggage_of(spec).for_machine("n-0")
    assert (file.text, file.name) == ("", cached.name)
    assert file.place == "~/cache/framewire/models/emotion-ferplus-8.onnx"
    assert files_of(luggage_of(spec_of(beside, model="framewire-emotion"))) == {}


def test_a_private_key_is_never_named(beside: Path) -> None:
    for name in ("ca.pem", "own.pem", "own.key"):
        (beside / name).write_text(name)
    text = """
engine: agents
machines: {n: {}}
stages:
  capture: {source: demo}
  out: {use: publish, input: capture, to: "mqtts://10.0.0.9/x", TLS, on: n}
"""
    tls = "ca_file: ca.pem, cert_file: own.pem, key_file: own.key"
    spec = load_pipeline(beside / "p.yaml", text=text.replace("TLS", tls), out=beside / "out")
    assert set(files_of(luggage_of(spec), "n")) == {"ca.pem"}


STAGES = """
from pathlib import Path
from framewire import Stage, stage

@stage("reads")
class Reads(Stage):
    @classmethod
    def files(cls, options):
        FILES
"""


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("return [Path('a/net'), Path('b/net')]", "far: `files` gives two files net"),
        ("return 1 / 0", "far: ZeroDivisionError: division by zero"),
    ],
)
def test_files_of_an_author_that_cannot_be(
    code: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "reads_files.py").write_text(STAGES.replace("FILES", code))
    monkeypatch.syspath_prepend(tmp_path)
    text = PIPELINE.replace("use: classify", 'use: "reads_files:Reads"').replace(
        ", of: frame, models: [{model: MODEL, labels: words.txt}], WHERE", ", on: n-0"
    )
    spec = load_pipeline(
        tmp_path / "p.yaml",
        text=text.replace("input: far, of: frame, models: [{model: other.onnx}]", "input: far"),
        out=tmp_path / "out",
    )
    with pytest.raises(FilesError, match=said):
        luggage_of(spec)
    sys.modules.pop("reads_files")
