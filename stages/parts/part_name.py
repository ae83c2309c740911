"""Names of parts: filling in a template, and finding the files it may have named."""

import re
import string
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from framewire.stages.parts.template import fixed_folder, paths_like

FIELDS = ("stream", "start", "part")
PART = "-{part:03d}"
"""Added before the suffix where the template would give all parts the same name."""
_DIGITS = {"Y": 4, "m": 2, "d": 2, "H": 2, "M": 2, "S": 2, "j": 3, "y": 2, "f": 6}
"""Digits of strftime's numeric directives; others may give anything."""


class TemplateError(ValueError):
    """A template that cannot be filled in; the text says why."""


class PartNames:
    """Fills in `{stream}`, `{start:%Y%m%d-%H%M%S}` (when the part began, local time) and `{part}` (0, 1, 2, ...).

    Example:
        names = PartNames("{stream}/{start:%H%M}.mp4", rotates=True)
        names.path("door", datetime.now(), 3)     # door/1405.mp4
    """

    def __init__(self, template: str, rotates: bool) -> None:
        """Raises TemplateError."""
        fields = _fields(template)
        if rotates and not {"start", "part"} & fields:
            path = Path(template)
            template = str(path.with_name(path.stem + PART + path.suffix))
        self.template = template
        self.by_stream = "stream" in fields
        self.path("x", datetime.now(), 0)

    @property
    def is_fixed(self) -> bool:
        """Whether there is only one part, whose name is known before the first frame."""
        return "{" not in self.template

    @property
    def is_single(self) -> bool:
        """Whether a stream's next file would have the same name as its last one."""
        return not {"start", "part"} & _fields(self.template)

    @property
    def fixed_folder(self) -> Path:
        """The folder in or under which all parts lie, known before the first frame."""
        return fixed_folder(self.template)

    @property
    def templates(self) -> list[str]:
        """All names that parts may get: a second one of the same name has a number."""
        path = Path(self.template)
        return (
            [self.template]
            if self.is_fixed
            else [self.template, str(path.with_name(f"{path.stem}-{{n}}{path.suffix}"))]
        )

    def path(self, stream: str, start: datetime, part: int) -> str:
        """The name of a part. Raises TemplateError."""
        try:
            return self.template.format(stream=stream, start=start, part=part)
        except (KeyError, IndexError, ValueError) as error:
            raise TemplateError(f"{self.template!r} cannot be filled in: {error}") from error

    def free_path(self, stream: str, start: datetime, part: int, is_taken: Callable[[str], bool]) -> str:
        """A part name not yet taken: a second one in the same second gets `-2`."""
        name = self.path(stream, start, part)
        number, path = 1, Path(name)
        while is_taken(name):
            number += 1
            name = str(path.with_name(f"{path.stem}-{number}{path.suffix}"))
        return name

    def made(self, folder: Path, stream: str) -> Iterator[Path]:
        """The files under a folder that this template names for a stream, whichever run made them."""
        for path, _ in self._found(folder, stream):
            yield path

    def next_number(self, folder: Path, stream: str) -> int:
        """One more than the highest `{part}` of the files under a folder, or the next to be made; else 0."""
        numbers = [int(found["part"]) for _, found in self._found(folder, stream) if "part" in found.groupdict()]
        return max(numbers, default=-1) + 1

    def _found(self, folder: Path, stream: str) -> Iterator[tuple[Path, re.Match[str]]]:
        pattern = re.compile(_pattern(self.template, stream))
        for path, name in paths_like(folder, self.template):
            found = pattern.fullmatch(name)
            if found is not None and path.is_file():
                yield path, found


def part_templates(template: str, rotates: bool) -> list[str]:
    """See PartNames.templates; none for a template that cannot be filled in, which the sink reports when it opens."""
    try:
        return PartNames(template, rotates).templates
    except TemplateError:
        return []


def _fields(template: str) -> set[str]:
    try:
        fields = {field for _, field, _, _ in string.Formatter().parse(template) if field is not None}
    except ValueError as error:
        raise TemplateError(f"{template!r} cannot be filled in: {error}") from error
    unknown = fields - set(FIELDS)
    if unknown:
        known = ", ".join(f"{{{name}}}" for name in FIELDS)
        raise TemplateError(f"{template!r} has {{{sorted(unknown)[0]}}}; valid: {known}")
    return fields


def _pattern(template: str, stream: str) -> str:
    """A regular expression for the names; a `-2` may precede the suffix."""
    parts, has_part = [], False
    for text, field, layout, _ in string.Formatter().parse(template):
        parts.append(re.escape(text))
        if field == "stream":
            parts.append(re.escape(stream))
        elif field == "part":
            parts.append(r"\d+" if has_part else r"(?P<part>\d+)")
            has_part = True
        elif field == "start":
            parts.append(_time_pattern(layout or "%Y-%m-%d %H:%M:%S.%f"))
    whole = "".join(parts)
    suffix = re.escape(Path(template).suffix)
    return f"{whole.removesuffix(suffix)}(-\\d+)?{suffix}" if suffix and whole.endswith(suffix) else whole


def _time_pattern(layout: str) -> str:
    made = []
    for text in re.split(r"(%.)", layout):
        if text.startswith("%"):
            made.append(rf"\d{{{_DIGITS[text[1]]}}}" if text[1] in _DIGITS else r"[^/]+?")
        else:
            made.append(re.escape(text))
    return "".join(made)
