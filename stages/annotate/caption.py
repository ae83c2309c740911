"""A detection's caption: by default all its values, or a user's template."""

import string
from collections.abc import Mapping, Sequence
from typing import Any

from framewire.pipeline.frame.packet import Attribute, Detection

UNKNOWN = "?"
"""Replaces a template field that has no value."""
_PARTS = ("label", "score", "track")
_OF_ATTRIBUTE = ("value", "score")


def caption_parts(detection: Detection) -> list[str]:
    """What a caption says by default, the most telling first: `#3`, `male`, `25`; the label where nothing is known."""
    parts = [f"#{detection.track}"] if detection.track is not None else []
    if not detection.attributes:
        parts.insert(0, detection.label)
    return parts + [
        attribute.label if attribute.value is None else f"{attribute.value:.0f}"
        for attribute in detection.attributes.values()
    ]


def caption(detection: Detection) -> str:
    """The tutorial look's caption: `face #3 90 %: male, 25`, as far as known, in ASCII."""
    words = [detection.label]
    if detection.track is not None:
        words.append(f"#{detection.track}")
    if detection.score is not None:
        words.append(f"{detection.score:.0%}")
    said = ", ".join(
        attribute.label if attribute.value is None else f"{attribute.value:.0f}"
        for attribute in detection.attributes.values()
    )
    return in_ascii(" ".join(words) + (f": {said}" if said else ""))


class CaptionTemplate(string.Formatter):
    """A template: `{gender!c}: {age}` becomes `Male: (25-32)`.

    A field is `label`, `score`, `track`, the name of an attribute, or `NAME.value` or `NAME.score` of one; `!c` makes
    its first letter a capital, and `:.0f` and the like format numbers as in Python. Missing values become `?`.

    Raises ValueError if the template is invalid.
    """

    def __init__(self, template: str) -> None:
        self._template = template
        try:
            self._check()
        except ValueError as error:
            raise ValueError(f"{template!r}: {error}") from error

    def _check(self) -> None:
        for _, name, _, conversion in self.parse(self._template):
            if conversion not in (None, "c"):
                raise ValueError(f"!{conversion} is unknown; only !c (initial capital) is supported")
            if name is not None and not all(part.isidentifier() or "-" in part for part in name.split(".")):
                raise ValueError(f"{{{name}}} is not an attribute name; write a brace itself as {{{{ or }}}}")

    def of(self, detection: Detection) -> str:
        """The caption of a detection."""
        return self.vformat(self._template, (), {"": detection})

    def get_field(self, field_name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Any, str]:
        """See string.Formatter; no other object attributes are reachable."""
        name, _, part = field_name.partition(".")
        return _value(kwargs[""], name, part), name

    def convert_field(self, value: Any, conversion: Any) -> Any:
        """See string.Formatter."""
        return str(value)[:1].upper() + str(value)[1:] if conversion == "c" else value

    def format_field(self, value: Any, format_spec: str) -> str:
        """See string.Formatter; a missing value stays a question mark in any format."""
        return UNKNOWN if value == UNKNOWN else format(value, format_spec)


def _value(detection: Detection, name: str, part: str) -> str | float | int:
    if name in _PARTS and not part:
        found = getattr(detection, name)
    else:
        attribute = detection.attributes.get(name)
        found = _part(attribute, part) if attribute else None
    return UNKNOWN if found is None else found


def _part(attribute: Attribute, part: str) -> str | float | None:
    if not part:
        return attribute.label
    return getattr(attribute, part) if part in _OF_ATTRIBUTE else None


def in_ascii(text: str) -> str:
    """OpenCV fonts are ASCII only."""
    return text.encode("ascii", "replace").decode()
