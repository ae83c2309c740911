"""Results into a pipe: `framewire run ... | jq`."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.system.running import Running, command, framewire, wait_until

PIPELINE = """
stages:
  capture: {use: capture, loops: 0}
  list: {use: jsonl_writer, input: capture, path: "-"}
  beside: {use: jsonl_writer, input: capture, path: beside.jsonl}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "piped.yaml"
    path.write_text(PIPELINE)
    return path


def test_nothing_else_is_written_to_standard_output(config: Path, tmp_path: Path) -> None:
    done = framewire("run", str(config), "--out", str(tmp_path), "--http", "off", "--set", "capture.limit=20")
    assert done.code == 0
    assert done.stdout == (tmp_path / "beside.jsonl").read_text()
    assert "20 frames admitted, 20 written" in done.stderr


def test_a_reader_that_leaves_ends_the_run_well(config: Path, tmp_path: Path) -> None:
    arguments = command("run", str(config), "--out", str(tmp_path), "--http", "off")
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        assert run.stdout is not None
        assert run.stderr is not None
        first = [json.loads(run.stdout.readline())["seq"] for _ in range(3)]
        run.stdout.close()
        said = run.stderr.read().decode()
        assert run.wait(60) == 0
    assert first == [0, 1, 2]
    assert "the reader has closed the pipe; taking no more frames" in said
    assert "in flight" not in said
    seqs = [json.loads(line)["seq"] for line in (tmp_path / "beside.jsonl").read_text().splitlines()]
    assert seqs == list(range(len(seqs)))
    assert len(seqs) >= 3


def test_a_killed_writer_writes_no_line_twice(config: Path, tmp_path: Path) -> None:
    running = Running(config, tmp_path / "out", "--set", "capture.limit=200")
    try:
        for lines in (20, 60, 100):
            printed = tmp_path / "out" / "stdout.txt"
            wait_until(lambda printed=printed, lines=lines: printed.read_bytes().count(b"\n") > lines, "lines")  # type: ignore[misc]
            running.worker("list#0").kill()
        finished = running.finish()
    finally:
        running.process.kill()
    assert finished.code == 0, finished.stderr
    assert finished.stdout == (tmp_path / "out" / "beside.jsonl").read_text()
    assert finished.stdout.count("\n") == 200


def test_a_fifo_is_written_to_as_it_is(config: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    os.mkfifo(out / "fifo")
    config.write_text(PIPELINE.replace('"-"', "fifo"))
    running = Running(config, out, "--set", "capture.limit=50")
    try:
        read = (out / "fifo").read_text()
        finished = running.finish()
    finally:
        running.process.kill()
    assert finished.code == 0, finished.stderr
    assert read == (out / "beside.jsonl").read_text()
    assert (out / "fifo").is_fifo()


def test_only_lines_can_be_piped(config: Path, tmp_path: Path) -> None:
    config.write_text('stages:\n  capture: {source: demo}\n  film: {use: video_writer, input: capture, path: "-"}\n')
    done = framewire("check", str(config))
    assert (done.code, done.stdout) == (2, "")
    assert done.stderr == f"error: {config}:3:51: video_writer cannot write to standard output; name a file\n"
