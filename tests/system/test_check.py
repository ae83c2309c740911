"""`check`: what a pipeline names is opened, and all that is wrong is told at once."""

from pathlib import Path

from tests.mjpeg_server import serving
from tests.models.nets import write_net
from tests.system.running import Finished, framewire, free_port
from tests.videos import write_video

SINK = "  list: {use: jsonl_writer, input: [INPUTS], path: '{stream}.jsonl'}\n"


def check(folder: Path, stages: str, *arguments: str, inputs: str = "capture") -> Finished:
    config = folder / "p.yaml"
    config.write_text(f"stages:\n{stages}{SINK.replace('INPUTS', inputs)}")
    home = {"XDG_CACHE_HOME": str(folder / "home"), "HOME": str(folder / "home")}
    return framewire("check", str(config), *arguments, cwd=folder, env=home)


def test_it_says_what_it_found_and_leaves_nothing(tmp_path: Path) -> None:
    write_video(tmp_path / "film.mp4", 30)
    write_net(tmp_path / "net.onnx", ["n", 1])
    done = check(
        tmp_path, "  capture: {source: film.mp4}\n  faces: {use: face_detect, input: capture}\n", inputs="faces"
    )
    assert (done.code, done.stderr) == (0, "")
    first, *_, last = done.stdout.splitlines()
    assert first.startswith("capture: ")
    assert first.endswith("film.mp4, 160x120, 30 frames")
    assert last == f"{tmp_path / 'p.yaml'}: valid; 3 stages in 3 processes"
    assert not (tmp_path / "out").exists()


def test_what_is_broken_is_an_error_and_what_is_not_there_a_warning(tmp_path: Path) -> None:
    (tmp_path / "film.mp4").write_bytes(b"no film" * 1000)
    (tmp_path / "net.onnx").write_bytes(b"no network" * 1000)
    stages = """
  broken: {use: capture, source: film.mp4}
  absent: {use: capture, source: nowhere.mp4}
  empty: {use: capture, source: "*.jpg"}
  faces: {use: face_detect, input: [broken, absent, empty], method: dnn}
  wrong: {use: classify, input: faces, models: [{model: net.onnx, answer: value}]}
  missing: {use: classify, input: wrong, models: [{model: other.onnx, labels: words.txt}]}
"""
    done = check(tmp_path, stages.lstrip("\n"), inputs="missing")
    assert done.code == 2
    said = [line.split(": ", 2)[:2] for line in done.stderr.splitlines() if ": " in line]
    assert said == [
        ["error", "broken"],
        ["warning", "absent"],
        ["warning", "empty"],
        ["warning", "faces"],
        ["error", "wrong"],
        ["warning", "missing"],
    ]
    assert "other.onnx, words.txt" in done.stderr
    assert "yunet is not on this machine; a run downloads it" in done.stderr
    assert "good" not in done.stdout
    (tmp_path / "film.mp4").unlink()
    (tmp_path / "net.onnx").unlink()
    assert check(tmp_path, stages.lstrip("\n"), inputs="missing").code == 0


def test_a_stage_of_ones_own_that_cannot_open_is_told_with_its_error(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from framewire import Stage, stage\n"
        "@stage('mine')\n"
        "class Mine(Stage):\n"
        "    def open(self):\n"
        "        raise KeyError('no such table')\n"
        "    def process(self, packet):\n"
        "        return packet\n"
    )
    done = check(tmp_path, "  capture: {source: demo}\n  own: {use: 'mine:Mine', input: capture}\n", inputs="own")
    assert (done.code, done.stderr) == (2, "error: own: KeyError: 'no such table'\n")


def test_cameras_are_opened_only_when_asked_for(tmp_path: Path) -> None:
    with serving() as server:
        stages = f"  capture: {{source: '{server.url}'}}\n"
        alone = check(tmp_path, stages)
        assert (alone.code, alone.stderr, server.connections) == (0, "", 0)
        assert "was not tried; --connect opens it" in alone.stdout
        connected = check(tmp_path, stages, "--connect")
        assert (connected.code, connected.stderr) == (0, "")
        assert ": live, 64x48" in connected.stdout
        assert "secret" not in alone.stdout + connected.stdout
        assert "hush" not in alone.stdout + connected.stdout
    nobody = check(tmp_path, f"  capture: {{source: 'rtsp://me:secret@127.0.0.1:{free_port()}/'}}\n", "--connect")
    assert nobody.code == 2
    assert nobody.stderr.endswith(": Connection refused\n")
    assert "secret" not in nobody.stderr


def test_another_engine_is_checked_as_it_would_run(tmp_path: Path) -> None:
    stages = "  capture: {source: demo}\n  faces: {use: face_detect, input: capture}\n"
    done = check(tmp_path, stages, "--engine", "ray", inputs="faces")
    assert done.code == 0, done.stderr
    assert "home runs capture, list\nray runs faces\nhome>ray carries up to 83 MB/s" in done.stdout
    assert "ray>home carries no pictures" in done.stdout
    assert "home runs" not in check(tmp_path, stages, inputs="faces").stdout
