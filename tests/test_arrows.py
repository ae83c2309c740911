"""Which rooms may import which. A room is a folder of modules; docs/architecture.md lists and draws them."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TOPS = ("pipeline", "stages", "models")
ARROWS: dict[str, set[str]] = {
    "pipeline.frame": set(),
    "pipeline.seen": set(),
    "pipeline.privacy": set(),
    "pipeline.processes": set(),
    "pipeline.flow": {"pipeline.frame"},
    "pipeline.wire": {"pipeline.frame", "pipeline.seen"},
    # The API for stage authors.
    "pipeline": {"pipeline.frame", "pipeline.seen"},
    "pipeline.document": {"pipeline.privacy"},
    "pipeline.graph": {"pipeline", "pipeline.document", "pipeline.flow"},
    "pipeline.result": {"pipeline.frame"},
    "pipeline.drawing": {"pipeline.graph"},
    "pipeline.nodes": {
        *("pipeline", "pipeline.flow", "pipeline.frame", "pipeline.graph", "pipeline.seen", "pipeline.wire")
    },
    "pipeline.worker": {
        *("pipeline", "pipeline.frame", "pipeline.graph", "pipeline.nodes", "pipeline.privacy", "pipeline.seen"),
        *("pipeline.processes", "pipeline.wire"),
    },
    "pipeline.ledger": {"pipeline", "pipeline.frame", "pipeline.graph", "pipeline.seen", "pipeline.wire"},
    "pipeline.output": {"pipeline", "pipeline.graph", "pipeline.ledger", "pipeline.processes"},
    "pipeline.metrics": {"pipeline", "pipeline.seen"},
    "pipeline.server": {
        *("pipeline.document", "pipeline.frame", "pipeline.metrics", "pipeline.seen", "pipeline.wire"),
        "pipeline.result",
    },
    "pipeline.line": {"pipeline.graph", "pipeline.nodes", "pipeline.wire"},
    "pipeline.machines": {
        *(
            "pipeline",
            "pipeline.frame",
            "pipeline.graph",
            "pipeline.ledger",
            "pipeline.line",
            "pipeline.nodes",
            "pipeline.seen",
        ),
        "pipeline.wire",
    },
    "pipeline.link": {
        *("pipeline.frame", "pipeline.line", "pipeline.nodes", "pipeline.seen", "pipeline.wire", "pipeline.worker"),
    },
    "pipeline.crew": {
        "pipeline.link",
        *("pipeline", "pipeline.graph", "pipeline.ledger", "pipeline.machines", "pipeline.nodes", "pipeline.processes"),
        *("pipeline.server", "pipeline.wire", "pipeline.worker"),
    },
    "pipeline.supervisor": {
        *("pipeline", "pipeline.crew", "pipeline.graph", "pipeline.ledger", "pipeline.nodes", "pipeline.processes"),
        *("pipeline.frame", "pipeline.machines", "pipeline.seen", "pipeline.server", "pipeline.wire"),
    },
    "pipeline.engine": {
        *("pipeline.crew", "pipeline.graph", "pipeline.line", "pipeline.machines", "pipeline.processes")
    },
    "pipeline.terminal.display": {"pipeline.seen"},
    "pipeline.terminal": {
        *("pipeline", "pipeline.frame", "pipeline.graph", "pipeline.ledger", "pipeline.output", "pipeline.processes"),
        *("pipeline.drawing", "pipeline.privacy", "pipeline.result", "pipeline.seen", "pipeline.server"),
        *("pipeline.document", "pipeline.engine", "pipeline.line", "pipeline.machines", "pipeline.supervisor"),
        "pipeline.terminal.display",
    },
    "pipeline.agent": {
        *("pipeline", "pipeline.crew", "pipeline.document", "pipeline.frame", "pipeline.graph", "pipeline.ledger"),
        *("pipeline.line", "pipeline.link", "pipeline.output", "pipeline.processes", "pipeline.server"),
        *("pipeline.terminal", "pipeline.wire", "pipeline.worker"),
    },
    "pipeline.guest": {
        *("pipeline", "pipeline.frame", "pipeline.graph", "pipeline.ledger", "pipeline.output", "pipeline.processes"),
        *("pipeline.result", "pipeline.seen", "pipeline.server", "pipeline.supervisor", "pipeline.terminal"),
        *("pipeline.document", "pipeline.terminal.display", "pipeline.wire", "pipeline.worker"),
    },
    "pipeline.library": {
        *("pipeline", "pipeline.flow", "pipeline.frame", "pipeline.graph", "pipeline.guest", "pipeline.seen"),
        *("pipeline.document", "pipeline.terminal"),
    },
    # What all rooms of models/ share.
    "models": set(),
    "models.crops": {"models"},
    "models.datasets": {"models"},
    "models.runtime": {"models"},
    "models.catalogue": {"models", "models.crops", "models.datasets"},
    "models.store": {"models", "models.catalogue", "models.crops", "models.runtime"},
    "models.objects.heads": {"models", "models.catalogue"},
    "models.objects": {"models", "models.catalogue", "models.objects.heads", "models.runtime", "models.store"},
    "models.finders.haar": {"models"},
    "models.finders": {"models", "models.catalogue", "models.finders.haar", "models.runtime", "models.store"},
    "models.classifiers": {
        *("models", "models.catalogue", "models.crops", "models.objects", "models.runtime", "models.store"),
    },
    "models.evaluation": {
        *("models", "models.catalogue", "models.classifiers", "models.crops", "models.datasets", "models.finders"),
        *("models.runtime", "models.store"),
    },
    "models.training": {
        *("models", "models.catalogue", "models.classifiers", "models.datasets"),
        *("models.runtime", "models.training.files", "models.training.loop", "models.training.nets"),
    },
    "models.training.files": {"models", "models.catalogue", "models.crops", "models.datasets"},
    "models.training.loop": {"models", "models.crops", "models.datasets", "models.training.nets"},
    "models.training.nets": set(),
    "stages.parts": {"pipeline", "pipeline.frame"},
    "stages.capture.inputs": {"pipeline", "pipeline.frame", "pipeline.privacy"},
    "stages.capture.inputs.film": {"pipeline", "pipeline.frame", "stages.capture.inputs"},
    "stages.capture.inputs.pictures": {"pipeline", "pipeline.frame", "stages.capture.inputs"},
    "stages.capture": {
        *("pipeline", "pipeline.frame", "pipeline.privacy", "stages.capture.inputs"),
        *("stages.capture.inputs.film", "stages.capture.inputs.pictures"),
    },
    "stages.count": {"pipeline", "pipeline.frame"},
    "stages.jsonl_writer": {"pipeline", "pipeline.frame", "pipeline.result", "stages.parts"},
    "stages.publish.places": {"pipeline", "pipeline.privacy"},
    "stages.publish.places.brokers": {"pipeline", "pipeline.privacy", "stages.publish.places"},
    "stages.publish.places.tables": {"pipeline", "pipeline.privacy", "stages.publish.places"},
    "stages.publish": {
        *("pipeline", "pipeline.flow", "pipeline.frame", "pipeline.graph", "pipeline.output", "pipeline.privacy"),
        *("pipeline.result", "pipeline.seen", "stages.publish.places"),
    },
    "stages.track": {"models", "pipeline", "pipeline.frame"},
    "stages.video_writer": {"pipeline", "pipeline.frame", "stages.parts"},
    "stages.annotate": {"pipeline", "pipeline.frame"},
    "stages.heatmap": {"pipeline", "pipeline.frame", "stages", "stages.count"},
    "stages": {
        *("models", "models.catalogue", "models.classifiers", "models.crops", "models.finders", "models.finders.haar"),
        *("models.objects", "models.objects.heads", "models.runtime", "models.store", "pipeline", "pipeline.frame"),
        *("stages.annotate", "stages.count", "stages.parts"),
    },
}
NOT_FOR_THE_ENGINE = {"cv2", "av", "onnxruntime"}
BARE_NAMES = {*TOPS, "run_pipeline", "tests", "bench"}


def sources(top: str) -> list[Path]:
    return sorted((ROOT / top).rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    """The modules that a file imports, by full name."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def room_of(module: str) -> str:
    """The room of `framewire.pipeline.wire.inbox` is `pipeline.wire`."""
    path = module.removeprefix("framewire.")
    while not (ROOT / path.replace(".", "/")).is_dir():
        path = path.rpartition(".")[0]
    return path


def rooms() -> dict[str, set[str]]:
    """Each room, and the rooms that its files import from."""
    found: dict[str, set[str]] = {}
    for top in TOPS:
        for path in sources(top):
            room = ".".join(path.relative_to(ROOT).parts[:-1])
            ours = {room_of(name) for name in imported(path) if name.startswith("framewire.")}
            found.setdefault(room, set()).update(ours - {room})
    return found


def sentence(room: str) -> str:
    """A room's sentence: the first line of its docstring."""
    docstring = ast.get_docstring(ast.parse((ROOT / room.replace(".", "/") / "__init__.py").read_text()))
    return (docstring or "").split("\n")[0]


def test_the_arrows_are_those_of_the_plan() -> None:
    assert rooms() == ARROWS


def test_there_is_no_circle() -> None:
    assert len(list(TopologicalSorter(ARROWS).static_order())) == len(ARROWS)


@pytest.mark.parametrize("room", ARROWS)
def test_every_room_opens_with_one_sentence_and_stands_in_the_architecture(room: str) -> None:
    listed = dict(re.findall(r"^\| `([a-z_./]+)/` \| (.+) \|$", (ROOT / "docs" / "architecture.md").read_text(), re.M))
    assert sentence(room).endswith(".")
    assert listed[room.replace(".", "/")] == sentence(room)


@pytest.mark.parametrize("room", ARROWS)
def test_no_room_has_more_than_a_dozen_files(room: str) -> None:
    files = [path for path in (ROOT / room.replace(".", "/")).glob("*.py") if path.name != "__init__.py"]
    assert len(files) <= 12, sorted(path.name for path in files)


@pytest.mark.parametrize("top", [*TOPS, "tests", "bench", "framewire"])
def test_nobody_uses_a_bare_name(top: str) -> None:
    allowed = {"tests", "bench"} if top in ("tests", "bench") else set()
    for path in sources(top):
        wrong = {name for name in imported(path) if name.split(".")[0] in BARE_NAMES - allowed}
        assert not wrong, f"{path.relative_to(ROOT)} imports {wrong}"


def test_the_engine_knows_no_pictures_library() -> None:
    for path in sources("pipeline"):
        assert not {name.split(".")[0] for name in imported(path)} & NOT_FOR_THE_ENGINE, path


def test_stages_know_no_sockets_or_processes() -> None:
    for path in sources("stages") + sources("models"):
        known = {name.split(".")[0] for name in imported(path)}
        assert not known & {"zmq", "multiprocessing", "subprocess", "socket"}, path


def test_the_engine_alone_loads_no_stage() -> None:
    loaded = "[m for m in sys.modules if m.startswith('framewire.stages') or m == 'cv2']"
    script = f"import sys, framewire.pipeline.terminal.commands; print({loaded})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_no_file_holds_two_ideas() -> None:
    for top in TOPS:
        for path in sources(top):
            assert len(path.read_text().splitlines()) <= 400, path
