"""No run overwrites what it reads, nor what else it writes: refused before any file is opened."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from framewire.pipeline.graph import ConfigError, load_pipeline
from tests.videos import write_video


def said_of(folder: Path, sinks: str, source: str = "film.mp4", also: dict[str, Path | None] | None = None) -> str:
    """What is wrong with a pipeline that writes into its own folder; nothing if all is well."""
    config = folder / "p.yaml"
    config.write_text(f"stages:\n  capture: {{source: {source}, limit: 3}}\n{sinks}")
    try:
        load_pipeline(config, out=folder, also_written=also)
    except ConfigError as error:
        return str(error)
    return ""


def refused(folder: Path, sinks: str, source: str = "film.mp4", also: dict[str, Path | None] | None = None) -> str:
    """The same, of one that must not be accepted."""
    said = said_of(folder, sinks, source, also)
    assert said
    return said


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_video(tmp_path / "film.mp4", frames=10)
    return tmp_path


VIDEO = "  video: {use: video_writer, input: capture, path: %s}\n"
LIST = "  list: {use: jsonl_writer, input: capture, path: %s}\n"
PICTURES = '  pictures: {use: image_writer, input: capture, of: frame, path: "%s"}\n'


@pytest.mark.parametrize(
    "sinks",
    [
        VIDEO % "film.mp4",
        LIST % "film.mp4",
        VIDEO % "deep/../film.mp4",
        VIDEO % '"{stream}.mp4"' + LIST % "x.jsonl",
        '  video: {use: video_writer, input: capture, path: "{start:%Y}.mp4", rotate_s: 1}\n',
        PICTURES % "{stream}.mp4",
    ],
)
def test_a_sink_on_the_source(sinks: str, folder: Path) -> None:
    if "{stream}" in sinks:
        (folder / "film.mp4").rename(folder / "capture.mp4")
        text = refused(folder, sinks, source="capture.mp4")
        assert "and 'capture' reads" in text
        return
    if "{start" in sinks:
        (folder / "film.mp4").rename(folder / "2026.mp4")
        text = refused(folder, sinks, source="2026.mp4")
    else:
        text = refused(folder, sinks)
    assert "p.yaml:3:" in text
    assert "and 'capture' reads" in text


@pytest.mark.parametrize("link", [Path.symlink_to, Path.hardlink_to])
def test_a_sink_on_a_link_to_the_source(link: object, folder: Path) -> None:
    link(folder / "copy.mp4", folder / "film.mp4")  # type: ignore[operator]
    assert "'video' would write to copy.mp4, and 'capture' reads" in refused(folder, VIDEO % "copy.mp4")


def test_parts_and_what_a_recording_grows_as(folder: Path) -> None:
    (folder / "film.mp4").rename(folder / "film-000.mp4")
    rotated = "  video: {use: video_writer, input: capture, path: film.mp4, rotate_s: 1}\n"
    assert "film-{part:03d}.mp4" in refused(folder, rotated, source="film-000.mp4")
    (folder / "film-000.mp4").rename(folder / ".film.mp4.part")
    assert ".film.mp4.part" in refused(folder, VIDEO % "film.mp4", source=".film.mp4.part")


@pytest.mark.parametrize("option", ["--summary", "--trace"])
@pytest.mark.parametrize("target", ["film.mp4", "p.yaml", "list.jsonl"])
def test_what_the_command_line_writes(option: str, target: str, folder: Path) -> None:
    text = refused(folder, LIST % "list.jsonl", also={option: folder / target})
    assert option in text
    assert target in text


def test_a_folder_of_pictures_and_a_glob(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pics").mkdir()
    for number in range(3):
        cv2.imwrite(str(tmp_path / "pics" / f"{number}.png"), np.zeros((8, 8, 3), np.uint8))
    inside = PICTURES % "pics/{seq}.png"
    assert "'capture' reads pics" in refused(tmp_path, inside, source="pics")
    assert "'capture' reads pics" in refused(tmp_path, PICTURES % "pics/{seq}.png", source="pics, watch: true")
    assert "'capture' reads pics/*.png" in refused(tmp_path, inside, source='"pics/*.png"')
    assert "'capture' reads pics" in refused(tmp_path, PICTURES % "{stream}/{seq}.png", source="pics")


def test_a_model_and_its_labels(folder: Path) -> None:
    for name in ("net.onnx", "labels.txt"):
        (folder / name).write_text("x")
    classify = "  people: {use: classify, input: capture, models: [{model: net.onnx, labels: labels.txt}]}\n"
    sink = "  list: {use: jsonl_writer, input: people, path: labels.txt}\n"
    assert "'people' reads" in refused(folder, classify + sink)


@pytest.mark.parametrize(
    ("source", "sinks"),
    [
        ("film.mp4", VIDEO % "film-faces.mp4" + LIST % "film.jsonl"),
        ("film.mp4", VIDEO % "out/film.mp4"),
        ('"*.mp4"', LIST % "film.jsonl"),
        ("pics", LIST % "pics.jsonl" + PICTURES % "pics/deep/{seq}.png"),
        ("demo", LIST % "demo/list.jsonl"),
        ("'rtsp://127.0.0.1:9/a?b=[c]**d'", LIST % "list.jsonl"),
    ],
)
def test_what_does_not_meet_is_no_trouble(source: str, sinks: str, folder: Path) -> None:
    for name in ("pics", "demo"):
        (folder / name).mkdir()
    (folder / "p.yaml").write_text(f"stages:\n  capture: {{source: {source}}}\n{sinks}")
    assert load_pipeline(folder / "p.yaml", out=folder, also_written={"--summary": folder / "summary.json"}).outputs


@pytest.mark.parametrize("sink", [VIDEO, LIST])
def test_a_folder_where_a_file_should_go_and_a_name_too_long(sink: str, folder: Path) -> None:
    (folder / "there.mp4").mkdir()
    assert "which is a folder; name a file" in refused(folder, sink % "there.mp4")
    assert "more than 255 bytes" in refused(folder, sink % ("x" * 252 + ".mp4"))
    # What a video grows as, `.NAME.part`, is longer than NAME.
    assert (sink is VIDEO) == ("more than 255 bytes" in said_of(folder, sink % ("x" * 248 + ".mp4")))


@pytest.mark.parametrize("path", ["x.jsonl", "{stream}.jsonl", "{stream}/{part}.jsonl"])
def test_two_sinks_on_one_path(path: str, folder: Path) -> None:
    two = LIST % f'"{path}"' + (LIST % f'"deep/../{path}"').replace("list:", "again:")
    assert f"'again' writes to deep/../{path}, and so does 'list'" in refused(folder, two)
