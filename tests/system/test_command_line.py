"""The command line as a user sees it."""

import json
import os
import pty
import shlex
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import av
import pytest

from tests.system.running import DEADLINE_S, PIPELINES, ROOT, command, framewire, run
from tests.videos import write_video


def test_the_summary_has_the_promised_keys(tmp_path: Path) -> None:
    finished = run(PIPELINES / "short.yaml", tmp_path)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert {"frames", "fps", "seconds", "end_to_end_ms", "stages", "streams"} <= set(summary)
    assert summary["frames"] == {"admitted": 200, "written": 200, "dropped": {}, "failed": {}, "in_flight": 0}
    assert set(summary["end_to_end_ms"]) == {"p50", "p99"}
    assert {"count", "p50_ms", "p99_ms", "cpu_s", "restarts"} <= set(summary["stages"]["read"])
    assert summary["stages"]["read"]["count"] == 200
    assert summary["stages"]["read"]["p50_ms"] > 0
    assert summary["streams"]["source"]["ended"] is True
    for word in ("200 frames admitted, 200 written", "frames per second", "p99", "restarts", "read"):
        assert word in finished.stdout


def test_a_file_alone_means_run(tmp_path: Path) -> None:
    finished = framewire(str(PIPELINES / "short.yaml"), "--out", str(tmp_path))
    assert finished.code == 0
    assert "200 written" in finished.stdout


def test_check() -> None:
    good = framewire("check", "configs/demo.yaml")
    assert (good.code, good.stderr) == (0, "")
    assert good.stdout.splitlines()[-1] == "configs/demo.yaml: valid; 9 stages in 9 processes"
    bad = framewire("check", "tests/configs/invalid/unknown-key.yaml")
    assert (bad.code, bad.stdout) == (2, "")
    assert bad.stderr == (
        "error: tests/configs/invalid/unknown-key.yaml:3:45: "
        "stage 'faces' has no option 'scale_facto' (did you mean 'scale_factor'?)\n"
    )


def test_graph() -> None:
    text = framewire("graph", "configs/branches.yaml")
    assert text.code == 0
    assert "    capture --> frontal\n" in text.stdout
    drawn = framewire("graph", "configs/branches.yaml", "--format", "svg")
    assert ET.fromstring(drawn.stdout).tag.endswith("svg")


def test_stages() -> None:
    every = framewire("stages")
    assert every.code == 0
    for name in ("capture", "face_detect", "eye_detect", "annotate", "video_writer", "jsonl_writer"):
        assert name in every.stdout
    one = framewire("stages", "face_detect")
    for word in ("scale_factor", "1.2", "more than 1", "ratio of one size", "min_neighbors", "frontalface_default"):
        assert word in one.stdout
    unknown = framewire("stages", "face_detct")
    assert unknown.code == 2
    assert "did you mean 'face_detect'?" in unknown.stderr


def test_schema() -> None:
    schema = json.loads(framewire("schema").stdout)
    assert "face_detect" in schema["$defs"]


@pytest.mark.parametrize(
    "arguments",
    [["run"], ["nonsense"], ["run", "configs/demo.yaml", "--nonsense"], ["run", "no-such-file.yaml"], ["--nonsense"]],
    ids=" ".join,
)
def test_a_wrong_command_is_exit_2(arguments: list[str]) -> None:
    finished = framewire(*arguments)
    assert finished.code == 2
    assert "Traceback" not in finished.stderr


def test_a_wrong_config_starts_nothing(tmp_path: Path) -> None:
    finished = framewire("run", "tests/configs/invalid/cycle.yaml", "--out", str(tmp_path / "out"))
    assert finished.code == 2
    assert not (tmp_path / "out").exists()


def test_a_summary_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    target = tmp_path / "file" / "s.json"
    finished = framewire(str(PIPELINES / "short.yaml"), "--out", str(tmp_path), "--summary", str(target))
    assert finished.code == 1
    assert "the summary cannot be written" in finished.stderr


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    finished = framewire(str(PIPELINES / "short.yaml"), "--out", str(tmp_path / "file" / "out"))
    assert finished.code == 1
    assert f"cannot create folder {tmp_path / 'file' / 'out'} (--out): Not a directory" in finished.stderr
    assert "Traceback" not in finished.stderr


@pytest.mark.parametrize("layout", [(), ("video.process=a", "metadata.process=a")], ids=["apart", "fused"])
def test_a_disk_that_is_full_ends_the_run_and_the_other_files_are_whole(
    layout: tuple[str, ...], tmp_path: Path
) -> None:
    settings = ("metadata.path=/dev/full", "capture.limit=40", *layout)
    full = [part for setting in settings for part in ("--set", setting)]
    finished = run(PIPELINES / "copy.yaml", tmp_path, *full)
    assert finished.code == 1
    assert (
        finished.stderr.strip().splitlines()[-1]
        == "error: metadata: /dev/full cannot be written: No space left on device; no frame was written"
    )
    assert "Traceback" not in finished.stderr
    with av.open(str(tmp_path / "copy.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) > 0


def test_nobody_watching_gets_plain_lines(tmp_path: Path) -> None:
    finished = run(PIPELINES / "short.yaml", tmp_path)
    assert "\x1b" not in finished.stdout + finished.stderr


def test_somebody_watching_sees_a_bar_and_a_line_for_each_stage(tmp_path: Path) -> None:
    try:
        ours, theirs = pty.openpty()
    except OSError:
        pytest.skip("this machine has no pseudo-terminals (is /dev/pts mounted?)")
    process = subprocess.Popen(
        command("run", "configs/demo.yaml", "--out", str(tmp_path), "--set", "capture.limit=60"),
        stdout=theirs,
        stderr=theirs,
        cwd=ROOT,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "120"},
    )
    os.close(theirs)
    seen = b""
    while True:
        try:
            chunk = os.read(ours, 65536)
        except OSError:
            break  # Linux gives EIO when the other end closes.
        if not chunk:
            break
        seen += chunk
    assert process.wait(DEADLINE_S) == 0
    text = seen.decode()
    assert "\x1b[" in text
    assert "━" in text
    assert "of 60 frames" in text
    for heading in ("stage", "queue", "busy", "restarts"):
        assert heading in text
    assert "60 frames admitted, 60 written" in text


def test_a_stage_of_ones_own_lies_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from framewire.pipeline.frame.packet import Detection, Packet\n"
        "from framewire.pipeline.stage import Stage, stage\n\n\n"
        '@stage("mark")\n'
        "class Mark(Stage[None]):\n"
        "    def process(self, packet: Packet) -> Packet:\n"
        '        return packet.plus([Detection(label="mine", box=(0, 0, 1, 1))])\n'
    )
    config = tmp_path / "mine.yaml"
    config.write_text(
        "stages:\n  capture: {limit: 5}\n  mine: {use: 'mine:Mark', input: capture}\n"
        "  out: {use: jsonl_writer, input: mine}\n"
    )
    finished = run(config, tmp_path / "out")
    assert finished.code == 0, finished.stderr
    assert finished.summary is not None
    assert finished.summary.detections == {"mine": 5}


def test_models_are_listed_and_told_of(tmp_path: Path) -> None:
    env = {"XDG_CACHE_HOME": str(tmp_path), "FRAMEWIRE_MODELS": ""}
    listed = framewire("models", "list", env=env)
    assert listed.code == 0
    states = {line.split()[0]: line.split()[-1] for line in listed.stdout.splitlines() if "framewire-" in line}
    assert states == {"framewire-age-gender": "yes", "framewire-emotion": "yes"}
    assert "\nyunet " in listed.stdout
    told = framewire("models", "info", "framewire-emotion")
    assert "angry, disgust, fear, happy, sad, surprise, neutral" in told.stdout
    assert framewire("models", "verify", env=env).stdout == "framewire-age-gender: good\nframewire-emotion: good\n"
    unknown = framewire("models", "info", "yolo")
    assert (unknown.code, unknown.stdout) == (2, "")
    assert "unknown model 'yolo'" in unknown.stderr


def test_check_and_run_refuse_alike_to_overwrite_the_source(tmp_path: Path) -> None:
    write_video(tmp_path / "film.mp4", frames=10)
    (tmp_path / "p.yaml").write_text(
        "stages:\n  capture: {source: film.mp4}\n  video: {use: video_writer, input: capture, path: film.mp4}\n"
    )
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    for name in ("check", "run"):
        done = framewire(name, "p.yaml", "--out", ".", cwd=tmp_path)
        assert done.code == 2
        assert done.stderr == (
            "error: p.yaml:3:52: 'video' would write to film.mp4, and 'capture' reads film.mp4; "
            "give it another path, or set another folder with --out\n"
        )
    summarised = framewire("check", "p.yaml", "--out", "elsewhere", "--summary", "film.mp4", cwd=tmp_path)
    assert (summarised.code, "--summary" in summarised.stderr) == (2, True)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_run_that_needs_more_open_files_than_it_may_have_says_how_many(tmp_path: Path) -> None:
    streams = "\n".join(f"      s{number}: demo" for number in range(40))
    config = tmp_path / "many.yaml"
    config.write_text(
        f"stages:\n  all:\n    use: capture\n    limit: 1\n    sources:\n{streams}\n"
        "  list: {use: jsonl_writer, input: all}\n"
    )
    arguments = shlex.join(command("run", str(config), "--out", str(tmp_path), "--http", "off"))
    few = subprocess.run(["bash", "-c", f"ulimit -n 128; {arguments}"], capture_output=True, text=True, timeout=60)
    assert few.returncode == 2
    assert "41 processes need up to 294 open files, and the limit is 128; raise it (ulimit -n 294" in few.stderr
    # The soft limit is none of the user's making.
    enough = subprocess.run(["bash", "-c", f"ulimit -S -n 64; {arguments}"], capture_output=True, text=True, timeout=60)
    assert enough.returncode == 0, enough.stderr


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ("source: demo, limit: 99999999999999999999", "limit: 99999999999999999999 is too large"),
        ("source: demo}\n  b: {use: jsonl_writer, input: capture, path: .", "would write to '.', which names no file"),
        ('source: demo}\n  b: {use: jsonl_writer, input: capture, path: "a\\0b"', "which names no file"),
    ],
    ids=["number", "dot", "nul"],
)
def test_values_that_no_system_takes_are_refused_in_words(options: str, error: str, tmp_path: Path) -> None:
    config = tmp_path / "p.yaml"
    config.write_text(f"stages:\n  capture: {{{options}}}\n  list: {{use: jsonl_writer, input: capture}}\n")
    done = framewire("run", str(config), "--out", str(tmp_path / "out"), "--http", "off")
    assert done.code == 2
    assert error in done.stderr
    assert "Traceback" not in done.stderr


def test_an_output_that_is_full_is_said_in_a_line(tmp_path: Path) -> None:
    for arguments in (("schema",), ("check", "configs/demo.yaml"), ("graph", "configs/demo.yaml")):
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(command(*arguments), stdout=full, stderr=subprocess.PIPE, text=True, cwd=ROOT)
        assert done.returncode == 1
        assert done.stderr == "error: standard output cannot be written: No space left on device\n"


def test_a_link_that_leads_to_itself_is_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    config = tmp_path / "p.yaml"
    config.write_text("stages:\n  capture: {source: demo, limit: 1}\n  list: {use: jsonl_writer, input: capture}\n")
    done = framewire("run", str(config), "--out", str(tmp_path / "loop"), "--http", "off")
    assert done.code in (1, 2)
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("error: ")


def test_names_that_are_not_text_are_refused_in_words(tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))
    folder.mkdir()
    config = folder / "p.yaml"
    config.write_text("stages:\n  capture: {source: demo}\n  list: {use: jsonl_writer, input: capture}\n")
    plain = tmp_path / "p.yaml"
    plain.write_text(config.read_text())
    for arguments in ((config,), (plain, "--out", folder), (plain, "--source", folder / "film.mp4")):
        done = framewire("run", *map(str, arguments), "--http", "off")
        assert done.code == 2
        assert "this name is not UTF-8; rename it" in done.stderr
        assert "Traceback" not in done.stderr
