"""A user's own modules, sent with the run to the agents: what its stages need is not copied by hand."""

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from msgspec import Struct

from framewire.pipeline.graph.spec import PipelineSpec

BYTES_MAX = 2**20
"""Of all modules together: they are in the welcome of every agent. What is larger is a library, to be installed."""
OWN = "framewire"
PATH = re.compile(r"([A-Za-z_]\w*/)*[A-Za-z_]\w*\.py", re.ASCII)


class Module(Struct, frozen=True, array_like=True):
    """A module's file: `path` is relative, with slashes."""

    path: str
    code: bytes


class ModulesError(Exception):
    """Modules cannot be sent, or are none that may be received; the text says why."""


def modules_of(spec: PipelineSpec) -> tuple[Module, ...]:
    """The modules beside the file, or in the current folder, if stages on other machines come from there.

    These are all `*.py` in that folder, and the packages in it of which something has been imported; the stages of a
    checked pipeline have been. Raises ModulesError, OSError.
    """
    elsewhere = [stage.use for stage in spec.stages if stage.machine and ":" in stage.use]
    uses = {use.partition(":")[0].partition(".")[0] for use in elsewhere}
    folders = dict.fromkeys(Path(place).absolute() for place in (spec.folder, "."))
    sent: dict[str, bytes] = {}
    for folder in folders:
        # A folder that is found first has its modules found first.
        if not uses.isdisjoint(_modules_in(folder)):
            sent |= {path: code for path, code in _files(folder) if path not in sent}
    if (size := sum(map(len, sent.values()))) > BYTES_MAX:
        raise ModulesError(
            f"the Python files beside the pipeline are {size / 2**20:.1f} MiB, and {BYTES_MAX // 2**20} MiB may be "
            "sent to other machines; put the pipeline and its modules into a folder of their own, or install them "
            "everywhere"
        )
    return tuple(Module(path, code) for path, code in sorted(sent.items()))


def lay_out(modules: tuple[Module, ...], folder: Path) -> None:
    """Put modules that were sent into a folder of their own; what was in it is gone. Raises ModulesError, OSError."""
    shutil.rmtree(folder, ignore_errors=True)
    for module in modules:
        if not PATH.fullmatch(module.path):
            raise ModulesError(f"{module.path!r} is not the path of a module")
        path = folder / module.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(module.code)


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    packages = [folder / name for name in _modules_in(folder) if (folder / name).is_dir()]
    for path in [*folder.glob("*.py"), *(path for package in packages for path in package.rglob("*.py"))]:
        inside = PurePosixPath(path.relative_to(folder)).as_posix()
        if PATH.fullmatch(inside):
            yield inside, path.read_bytes()


def _modules_in(folder: Path) -> set[str]:
    """The imported modules that lie in a folder itself, by name."""
    found: set[str] = set()
    for name, module in list(sys.modules.items()):
        spec = getattr(module, "__spec__", None)
        if "." in name or name == OWN or spec is None:
            continue
        places = list(spec.submodule_search_locations or ()) or [spec.origin or ""]
        if any(Path(place).parent == folder for place in places):
            found.add(name)
    return found
