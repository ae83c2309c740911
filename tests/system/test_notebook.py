"""A notebook's kernel: a loop, one without end that is interrupted, and a run, cell after cell in one process."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.system.running import ROOT, title, wait_until

jupyter_client = pytest.importorskip("jupyter_client", reason="ipykernel is not installed")
pytest.importorskip("ipykernel", reason="ipykernel is not installed")

PIPELINE = """
name: notebook
window: 8
stages:
  capture: {source: demo, limit: 20}
  faces: {use: face_detect, input: capture, width: 320}
  list: {use: jsonl_writer, input: faces, path: list.jsonl}
"""
LOOP = "import framewire\nprint(sum(1 for frame in framewire.frames('notebook.yaml')))"
ENDLESS = """
for frame in framewire.frames('notebook.yaml', set={'capture.limit': 0, 'capture.loops': 0}):
    if frame.seq == 5:
        print('begun', flush=True)
"""
RUN = "print(framewire.run('notebook.yaml').frames.written)"


class Kernel:
    """A kernel, and what its cells print."""

    def __init__(self, folder: Path) -> None:
        self.manager = jupyter_client.KernelManager()
        # The package is that of the repository, wherever the kernel runs.
        self.manager.start_kernel(cwd=str(folder), env={**os.environ, "PYTHONPATH": str(ROOT)})
        self.client: Any = self.manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    def run(self, cell: str, interrupt_at: str = "") -> tuple[str, str]:
        """What the cell has printed, and the name of the exception that ended it, or nothing."""
        asked = self.client.execute(cell)
        printed, error = "", ""
        while True:
            message = self.client.get_iopub_msg(timeout=60)
            if message["parent_header"].get("msg_id") != asked:
                continue
            content = message["content"]
            if message["msg_type"] == "stream" and content["name"] == "stdout":
                printed += content["text"]
                if interrupt_at and interrupt_at in content["text"]:
                    self.manager.interrupt_kernel()
            elif message["msg_type"] == "error":
                error = content["ename"]
            elif message["msg_type"] == "status" and content["execution_state"] == "idle":
                return printed.strip(), error

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Kernel]:
    (tmp_path / "notebook.yaml").write_text(PIPELINE)
    kernel = Kernel(tmp_path)
    try:
        yield kernel
    finally:
        kernel.close()


def test_cells_run_are_interrupted_and_run_again(kernel: Kernel) -> None:
    assert kernel.run(LOOP) == ("20", "")
    nothing_is_left()
    assert kernel.run(ENDLESS, interrupt_at="begun") == ("begun", "KeyboardInterrupt")
    nothing_is_left()
    assert kernel.run(LOOP) == ("20", "")
    assert kernel.run(RUN) == ("20", "")
    nothing_is_left()


def nothing_is_left() -> None:
    def running() -> list[psutil.Process]:
        return [process for process in psutil.process_iter() if title(process).startswith("framewire notebook")]

    wait_until(lambda: not running(), "the end of all processes")
    assert not [name for name in os.listdir("/dev/shm") if "framewire" in name]  # noqa: PTH208
