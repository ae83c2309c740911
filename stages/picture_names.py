"""Names of picture files: filling in a template, and finding the files it has named."""

import re
import string
from collections.abc import Iterator
from pathlib import Path

from framewire.pipeline.disk import NEW
from framewire.stages.parts.template import fixed_folder, paths_like

VALUE_MAX = 80
"""Characters of a value in a name: file systems take 255 bytes for the whole name."""
_RUN = "-run{}"
"""Before the suffix of a later run's files, where they must not replace those of earlier ones."""


class PictureNames:
    """Fills in a template such as `faces/{stream}-{seq:08d}-{id}.jpg`.

    Example:
        names = PictureNames("{stream}/{seq:03d}.jpg")
        names.path({"stream": "door", "seq": 7}, run=2)     # door/007-run2.jpg
    """

    def __init__(self, template: str) -> None:
        """Raises ValueError if it is no template."""
        self.template = template
        self.suffix = Path(template).suffix
        self._pattern = re.compile(_pattern(template, self.suffix))

    @property
    def fixed_folder(self) -> Path:
        """The folder in or under which all files lie."""
        return fixed_folder(self.template)

    def path(self, values: dict[str, str | int], run: int = 1) -> str:
        """The name with these values; whatever they are, it stays in its folder. Raises KeyError, ValueError."""
        name = self.template.format(**{field: _safe(value) for field, value in values.items()})
        if run == 1:
            return name
        return f"{name.removesuffix(self.suffix)}{_RUN.format(run)}{self.suffix}"

    @property
    def is_of_latest(self) -> bool:
        """Whether frames replace each other's files: then there is nothing of an earlier run to be kept."""
        return not {"seq", "track"} & {field for _, field, _, _ in _parsed(self.template)}

    def made(self, folder: Path) -> Iterator[tuple[Path, int]]:
        """The files under a folder that bear such a name, whichever run made them; and the number of that run."""
        for path, name in paths_like(folder, self.template):
            found = self._pattern.fullmatch(name)
            if found is not None and path.is_file():
                yield path, int(found["run"] or 1)

    def torn(self, folder: Path) -> Iterator[Path]:
        """What killed processes have left of such files; see replace_file."""
        for path, name in paths_like(folder, self.template):
            whole = path.name.removeprefix(".").removesuffix(NEW)
            if path.name == f".{whole}{NEW}" and self._pattern.fullmatch(str(Path(name).with_name(whole))):
                yield path


def _safe(value: str | int) -> str | int:
    """A label may be anything: no part of a name may lead to another folder."""
    if isinstance(value, int):
        return value
    text = re.sub(r"[/\0]", "_", value)[:VALUE_MAX]
    return "_" if text in (".", "..") else text


def _pattern(template: str, suffix: str) -> str:
    fixed = template.removesuffix(suffix)
    parts = [re.escape(text) + ("[^/]+?" if field is not None else "") for text, field, _, _ in _parsed(fixed)]
    return "".join(parts) + r"(-run(?P<run>\d+))?" + re.escape(suffix)


def _parsed(template: str) -> list[tuple[str, str | None, str | None, str | None]]:
    return list(string.Formatter().parse(template))
