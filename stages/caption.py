"""The words at a box: by default all that is known of it, or a template of the user's."""

import string
from collections.abc import Mapping, Sequence
from typing import Any

from framewire.pipeline.frame.packet import Attribute, Detection

UNKNOWN = "?"
"""Stands for what a template asks for and nobody has said."""
_PARTS = ("label", "score", "track")
_OF_ATTRIBUTE = ("value", "score")


def caption(detection: Detection) -> str:
    """What is written at a box: `face #3 90 %: male, 25`, with what there is of it, in ASCII."""
    words = [detection.label]
    if detection.track is not None:
        words.append(f"#{detection.track}")
    if detection.score is not None:
        words.append(f"{detection.score:.0%}")
    said = ", ".join(
        attribute.label if attribute.value is None else f"{attribute.value:.0f}"
        for attribute in detection.attributes.values()
    )
    return _ascii(" ".join(words) + (f": {said}" if said else ""))


class CaptionTemplate(string.Formatter):
    """Words with places: `{gender!c}: {age}` becomes `Male: (25-32)`.

    A place is `label`, `score`, `track`, the name of an attribute, or `NAME.value` or `NAME.score` of one; `!c` begins
    it with a capital, and `:.0f` and the like format numbers as Python does. What is not known is a question mark.

    Raises ValueError where the template cannot be read.
    """

    def __init__(self, template: str) -> None:
        self._template = template
        for _, name, _, conversion in self.parse(template):
            if conversion not in (None, "c"):
                raise ValueError(f"!{conversion} is not known; there is !c, which begins with a capital")
            if name is not None and not all(part.isidentifier() or "-" in part for part in name.split(".")):
                raise ValueError(f"{{{name}}} is no name of an attribute; a brace itself is written {{{{ or }}}}")

    def of(self, detection: Detection) -> str:
        """The caption of a detection, in ASCII."""
        return _ascii(self.vformat(self._template, (), {"": detection}))

    def get_field(self, field_name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Any, str]:
        """See string.Formatter; no other attribute of any object can be reached."""
        name, _, part = field_name.partition(".")
        return _value(kwargs[""], name, part), name

    def convert_field(self, value: Any, conversion: Any) -> Any:
        """See string.Formatter."""
        return str(value)[:1].upper() + str(value)[1:] if conversion == "c" else value

    def format_field(self, value: Any, format_spec: str) -> str:
        """See string.Formatter; what is not known stays a question mark however it is to be formatted."""
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


def _ascii(text: str) -> str:
    """OpenCV's fonts have no more."""
    return text.encode("ascii", "replace").decode()
