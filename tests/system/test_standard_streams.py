"""A terminal that is closed, full, gone or knows no letters but ASCII changes nothing about a run."""

import json
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.system.running import PIPELINES, command, lines_in

SHORT = PIPELINES / "short.yaml"


@pytest.mark.parametrize(
    "redirected",
    [
        ">&-",
        "2>&-",
        ">&- 2>&-",
        "<&- >&- 2>&-",
        ">/dev/full",
        "2>/dev/full",
        ">/dev/full 2>&1",
        "2>&1 | head -c 1 >/dev/null",
        "2>&1 | true",
    ],
)
def test_the_run_goes_on_and_its_code_is_its_own(redirected: str, tmp_path: Path) -> None:
    summary = tmp_path / "summary.json"
    arguments = ["run", str(SHORT), "--out", str(tmp_path), "--http", "off", "--summary", str(summary)]
    shell = f"set -o pipefail; {shlex.join(command(*arguments))} {redirected}"
    finished = subprocess.run(["bash", "-c", shell], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60)
    assert finished.returncode == 0
    assert lines_in(tmp_path / "short.jsonl") == 200
    assert json.loads(summary.read_bytes())["frames"]["written"] == 200


def test_the_code_of_a_run_that_fails_is_its_own(tmp_path: Path) -> None:
    arguments = command("run", str(PIPELINES / "broken-open.yaml"), "--out", str(tmp_path), "--http", "off")
    finished = subprocess.run(["bash", "-c", f"{shlex.join(arguments)} >/dev/full 2>&1"], timeout=60)
    assert finished.returncode == 1


def test_letters_that_a_terminal_does_not_have_are_no_error(tmp_path: Path) -> None:
    out = tmp_path / "größe"
    finished = subprocess.run(
        command("run", str(SHORT), "--out", str(out), "--http", "off", "--summary", "/dev/null/größe"),
        env={"PATH": "/usr/bin:/bin", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
        capture_output=True,
        timeout=60,
    )
    assert finished.returncode == 1
    assert finished.stderr.startswith(b"error: the summary cannot be written to /dev/null/gr")
    assert lines_in(out / "short.jsonl") == 200
