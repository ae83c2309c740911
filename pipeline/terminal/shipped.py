"""The pipelines that come with Framewire, found by name: `framewire run faces`."""

import re
from pathlib import Path

import framewire

CONFIGS = Path(framewire.__path__[0], "configs")
_RUN = re.compile(r"python run_pipeline\.py (?:run )?configs/")


def shipped_names() -> list[str]:
    """`demo`, `doorway`, `faces`, ..."""
    return sorted(path.stem for path in CONFIGS.glob("*.yaml"))


def find_config(given: Path) -> Path:
    """The file that a user means: the path itself if it is a file, else the shipped pipeline of that name.

    Any other path is returned unchanged.
    """
    if not given.is_file() and given.parent == Path() and given.name.removesuffix(".yaml") in shipped_names():
        return CONFIGS / f"{given.name.removesuffix('.yaml')}.yaml"
    return given


def starter(name: str) -> str:
    """The text of a shipped pipeline, as a user's own file. Raises FileNotFoundError."""
    text = _RUN.sub("framewire run ", (CONFIGS / f"{name}.yaml").read_text(encoding="utf-8"))
    return text.replace("python run_pipeline.py", "framewire")
