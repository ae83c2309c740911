"""onnxruntime is loaded so that it tells nobody."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("onnxruntime")

LOAD = "from framewire.models.runtime.provider import load_runtime; load_runtime()"


def test_a_program_that_loads_it_leaves_nothing_to_report(tmp_path: Path) -> None:
    env = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    subprocess.run([sys.executable, "-c", LOAD], check=True, env={**env, "HOME": str(tmp_path), "XDG_CACHE_HOME": ""})
    assert not list(tmp_path.rglob("*"))
