"""An error in a pipeline file: where, what, and how to fix it."""

from collections.abc import Sequence

from msgspec import Struct

from framewire.pipeline.privacy.address import without_secrets


class Place(Struct, frozen=True):
    """A place in a file, lines and columns counted from 1; line 0 means the file as a whole."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


class ConfigError(Exception):
    """`FILE:LINE:COLUMN: what is wrong; the fix`. Addresses in it show no secrets."""

    def __init__(self, place: Place, text: str) -> None:
        super().__init__(without_secrets(f"{place}: {text}"))
        self.place = place
        self.text = text

    @property
    def all(self) -> Sequence["ConfigError"]:
        """This one, or all that it stands for."""
        return [self]


class ConfigGroupError(ConfigError):
    """Several at once, in the order of the file: its text is that of the first."""

    def __init__(self, errors: Sequence[ConfigError]) -> None:
        super().__init__(errors[0].place, errors[0].text)
        self._errors = errors

    @property
    def all(self) -> Sequence[ConfigError]:
        """See ConfigError."""
        return self._errors
