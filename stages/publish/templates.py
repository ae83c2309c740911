"""Templates of destinations: `framewire/{pipeline}/{stream}`, filled in for each message."""

import string
from collections.abc import Callable

from framewire.pipeline.stage import StageError

FIELDS = ("stream", "pipeline", "stage", "what")


class Template:
    """A text with fields.

    Example:
        Template("topic", "doors/{stream}").filled({"stream": "front"}, plain=str)
    """

    def __init__(self, option: str, text: str) -> None:
        """`option` is the name under which the user has written it. Raises StageError."""
        self.text = text
        try:
            parts = list(string.Formatter().parse(text))
        except ValueError as error:
            raise StageError(f"{option} {text!r} cannot be filled in: {error}") from error
        for _, field, spec, conversion in parts:
            if field is not None and (field not in FIELDS or spec or conversion):
                choice = ", ".join(f"{{{name}}}" for name in FIELDS)
                raise StageError(f"{option} {text!r}: there is no {{{field}}}; it may have {choice}")
        self._parts = [(before, field) for before, field, _, _ in parts]

    def filled(self, values: dict[str, str], plain: Callable[[str], str]) -> str:
        """The text with values in place of fields, each made `plain` first."""
        return "".join(before + (plain(values[field]) if field is not None else "") for before, field in self._parts)
