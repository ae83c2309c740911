"""Who may import whom: the command line the engine; stages the engine and models; nobody the other way."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
OURS = {"pipeline", "stages", "models", "run_pipeline", "tests", "bench"}
ALLOWED = {
    "pipeline": {"pipeline"},
    "stages": {"stages", "pipeline", "models"},
    "models": {"models"},
    "run_pipeline.py": {"pipeline"},
}
NOT_FOR_THE_ENGINE = {"cv2", "av", "onnxruntime"}


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


def sources(room: str) -> list[Path]:
    path = ROOT / room
    return [path] if path.is_file() else sorted(path.rglob("*.py"))


@pytest.mark.parametrize("room", ALLOWED)
def test_arrows_point_one_way(room: str) -> None:
    assert sources(room)
    for path in sources(room):
        wrong = set(imported(path)) & OURS - ALLOWED[room]
        assert not wrong, f"{path.relative_to(ROOT)} imports {wrong}"


def test_the_engine_knows_no_pictures_library() -> None:
    for path in sources("pipeline"):
        assert not set(imported(path)) & NOT_FOR_THE_ENGINE, path


def test_stages_know_no_sockets_or_processes() -> None:
    for path in sources("stages") + sources("models"):
        assert not set(imported(path)) & {"zmq", "multiprocessing", "subprocess", "socket"}, path


def test_the_engine_alone_loads_no_stage() -> None:
    loaded = "[m for m in sys.modules if m.startswith('framewire.stages') or m == 'cv2']"
    script = f"import sys, framewire.pipeline.terminal.commands; print({loaded})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_no_file_holds_two_ideas() -> None:
    for room in ("pipeline", "stages", "models"):
        for path in sources(room):
            assert len(path.read_text().splitlines()) <= 400, path
