import os
from pathlib import Path

import pytest

from framewire.pipeline.graph import load_pipeline
from framewire.pipeline.ledger.identity import RunIdentity, differences, identity_of
from framewire.pipeline.stage import StageError

STAGE = """
from msgspec import Struct
from framewire.pipeline.stage import Stage, stage

class Options(Struct, frozen=True):
    api_key: str = ""
    where: dict[str, str] = {}

@stage("asks")
class Asks(Stage[Options]):
    Options = Options
"""


def identity(folder: Path, name: str = "p", **options: str) -> RunIdentity:
    lines = [f"  {stage}: {text}" for stage, text in options.items()]
    config = folder / f"{name}.yaml"
    config.write_text("\n".join(["stages:", *lines, ""]))
    return identity_of(load_pipeline(config))


def between(folder: Path, before: dict[str, str], now: dict[str, str]) -> list[str]:
    return differences(identity(folder, **before), identity(folder, **now))


LIST = "{use: jsonl_writer, input: capture, path: l.jsonl}"


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        ("{source: demo}", "{source: demo, threads: 2, realtime: true}", []),
        ("{source: demo}", "{source: demo, limit: 7}", ["capture.limit was 0, and is 7"]),
        ("{source: demo}", "{use: capture, source: demo, loops: 2}", ["capture.loops was 1, and is 2"]),
    ],
)
def test_what_changes_results_is_told_and_nothing_else(before: str, now: str, told: list[str], tmp_path: Path) -> None:
    assert between(tmp_path, {"capture": before, "list": LIST}, {"capture": now, "list": LIST}) == told


def test_another_graph(tmp_path: Path) -> None:
    one = {"capture": "{source: demo}", "list": LIST}
    faces = "{use: face_detect, input: capture}"
    other = {"capture": "{source: demo}", "faces": faces, "list": LIST.replace("capture", "faces")}
    assert between(tmp_path, one, other) == ["it had no stage 'faces'", "'list' read capture, and reads faces"]
    assert between(tmp_path, other, one)[0] == "it had a stage 'faces'"
    assert differences(identity(tmp_path, **one), identity(tmp_path, "q", **one)) == [
        "it was a run of the pipeline 'p', not of 'q'"
    ]


@pytest.mark.parametrize("change", ["content", "time", "size", "folder"])
def test_another_film_under_the_same_name(change: str, tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(b"a" * 300_000)
    run = {"capture": f"{{source: {film}}}", "list": LIST}
    before = identity(tmp_path, **run)
    stat = film.stat()
    if change == "content":
        film.write_bytes(b"a" * 299_999 + b"b")
        os.utime(film, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    elif change == "time":
        os.utime(film, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    elif change == "size":
        film.write_bytes(b"a" * 300_001)
        os.utime(film, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    else:
        film.unlink()
        film.mkdir()
    (told,) = differences(before, identity(tmp_path, **run))
    assert told.startswith("'capture' reads other files: film.mp4 of 300000 bytes, changed ")


def test_another_model_of_a_stage_on_another_machine(tmp_path: Path) -> None:
    """It is sent from here: another is another run. Of what is not here, nothing is known but its name."""
    text = """
engine: agents
machines: {n: {}}
stages:
  capture: {source: demo}
  own: {use: detect, input: capture, model: mine.onnx, labels: theirs.txt, on: n}
  list: {use: jsonl_writer, input: own}
"""
    (tmp_path / "mine.onnx").write_bytes(b"net")
    before = identity_of(load_pipeline(tmp_path / "p.yaml", text=text))
    assert differences(before, identity_of(load_pipeline(tmp_path / "p.yaml", text=text))) == []
    (tmp_path / "mine.onnx").write_bytes(b"new")
    (told,) = differences(before, identity_of(load_pipeline(tmp_path / "p.yaml", text=text)))
    assert told.startswith("'own' reads other files: mine.onnx of 3 bytes, changed ")
    assert "; theirs.txt on n" in told


def test_pipes_cannot_be_read_again(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for source in ("'-'", str(tmp_path / "pipe")):
        with pytest.raises(StageError, match="cannot be read again"):
            identity(tmp_path, capture=f"{{source: {source}}}", list=LIST)


@pytest.mark.parametrize(
    ("options", "secret"),
    [
        ("api_key: hunter2", "hunter2"),
        ("where: {password: hunter2}", "hunter2"),
        ("where: {to: 'mqtt://me:hunter2@host'}", "hunter2"),
    ],
)
def test_no_difference_shows_a_secret(options: str, secret: str, tmp_path: Path) -> None:
    (tmp_path / "asks.py").write_text(STAGE)

    def asks(text: str) -> dict[str, str]:
        return {
            "capture": "{source: demo}",
            "asks": f'{{use: "asks:Asks", input: capture, {text}}}',
            "list": LIST.replace("capture", "asks"),
        }

    before = identity(tmp_path, **asks(options))
    assert secret not in repr(before)
    (told,) = differences(before, identity(tmp_path, **asks(options.replace(secret, "other"))))
    assert (" was (secret " in told or " was (address " in told) and "other" not in told
