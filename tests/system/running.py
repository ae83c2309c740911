"""Starts the command line as a user does, and inspects its processes."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import psutil

from framewire.pipeline.seen.summary import Summary

ROOT = Path(__file__).resolve().parents[2]
PIPELINES = Path(__file__).parent / "pipelines"
SHARED = ROOT.parent / "shared"
DEADLINE_S = 60.0


class Finished(msgspec.Struct):
    """A run that has ended."""

    code: int
    stdout: str
    stderr: str
    summary: Summary | None


class Running:
    """`run_pipeline.py run` in a process of its own."""

    def __init__(
        self, config: Path, out: Path, *arguments: str, cwd: Path | None = None, prefix: Sequence[str] = ()
    ) -> None:
        """`prefix` comes before the command."""
        out.mkdir(parents=True, exist_ok=True)
        if "--http" not in arguments:
            arguments = (*arguments, "--http", "off")
        self._summary = out / "summary.json"
        self._stdout = (out / "stdout.txt").open("w+")
        self._stderr = (out / "stderr.txt").open("w+")
        self.process = subprocess.Popen(
            [*prefix, *command("run", str(config), "--out", str(out), "--summary", str(self._summary), *arguments)],
            stdout=self._stdout,
            stderr=self._stderr,
            cwd=cwd or ROOT,
            start_new_session=True,
        )

    def worker(self, name: str) -> psutil.Process:
        """The process of a worker such as `faces#0`, waiting until it exists."""
        found: list[psutil.Process] = []

        def look() -> bool:
            found[:] = [process for process in self.processes() if title(process).endswith(f" {name}")]
            return bool(found)

        wait_until(look, f"worker {name}")
        return found[0]

    def nursery(self) -> psutil.Process:
        """The process that starts the workers."""
        return next(process for process in self.processes() if title(process).endswith(" nursery"))

    def processes(self) -> list[psutil.Process]:
        """The supervisor's children of all generations."""
        try:
            return psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def finish(self, deadline_s: float = DEADLINE_S) -> Finished:
        """Wait for the end."""
        try:
            code = self.process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"the run does not end; stderr:\n{self._read(self._stderr)}") from None
        summary = None
        if self._summary.exists():
            summary = msgspec.json.decode(self._summary.read_bytes(), type=Summary)
        return Finished(code, self._read(self._stdout), self._read(self._stderr), summary)

    def stderr(self) -> str:
        """Its stderr so far."""
        return self._read(self._stderr)

    def _read(self, file: object) -> str:
        return Path(file.name).read_text()  # type: ignore[attr-defined]


def command(*arguments: str) -> list[str]:
    """The command line of a Framewire command."""
    return [sys.executable, str(ROOT / "run_pipeline.py"), *arguments]


def framewire(*arguments: str, cwd: Path | None = None, env: dict[str, str] | None = None) -> Finished:
    """Run a command to its end."""
    done = subprocess.run(
        command(*arguments),
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        cwd=cwd or ROOT,
        env={**os.environ, **(env or {})},
    )
    return Finished(done.returncode, done.stdout, done.stderr, None)


def run(config: Path, out: Path, *arguments: str) -> Finished:
    """Run a pipeline to its end."""
    return Running(config, out, *arguments).finish()


def title(process: psutil.Process) -> str:
    """The title that a process has given itself, or nothing if it is gone."""
    try:
        return " ".join(process.cmdline()).strip()
    except psutil.Error:
        return ""


def wait_until(condition: Callable[[], bool], what: str, deadline_s: float = DEADLINE_S) -> None:
    """Poll until something outside this process has become true."""
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, f"{what}: timed out after {deadline_s:g} s"
        time.sleep(0.01)


def free_port() -> int:
    """A loopback port that nothing listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def lines_in(path: Path) -> int:
    """Lines of a growing file; 0 if it does not exist yet."""
    return path.read_bytes().count(b"\n") if path.exists() else 0
