"""What a place is: it takes messages, in order, and says when they are safe there."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from msgspec import Struct

from framewire.pipeline.stage import NoOptions

BATCH_MAX = 500
"""Messages that a place gets at once: enough for any broker to be busy, few to be sent again."""
PATIENCE_S = 10.0
"""How long a place may say nothing to what it was sent."""


class Message(Struct, frozen=True):
    """One message. `body` is the JSON of a FrameResult, UTF-8, without a newline: see docs/results.md.

    `run`, `stream` and `seq` name it: a place that gets it twice can tell. `destination` is the filled-in topic, table
    or key, `key` that of Kafka. `at` is when the frame was taken, or else the message made: Unix time in seconds.
    """

    run: str
    stream: str
    seq: int
    destination: str
    key: str
    body: bytes
    at: float

    @property
    def id(self) -> str:
        """`RUN/STREAM/SEQ`."""
        return f"{self.run}/{self.stream}/{self.seq}"


class PlaceOptions(Struct, frozen=True, kw_only=True):
    """What a place is made of: the options of `publish` as far as they concern it, files as absolute paths.

    `settings` is an instance of the place's own Settings. `out` is the output folder, `stage` and `pipeline` are names,
    `destination` the template of where messages go.
    """

    to: str
    stage: str
    pipeline: str
    out: Path
    destination: str = ""
    username: str = ""
    password: str = ""
    token: str = ""
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    settings: Any = NoOptions()
    is_trial: bool = False
    """Whether it only tries to connect: nobody is told that we are there, and nothing is made."""
    log: logging.Logger = logging.getLogger("framewire")


class NotNowError(Exception):
    """The place takes nothing now. All messages from number `delivered` of this call on are sent again, later.

    Those before it are safe, but for the `refused`, by their number, with the reason. `after_s` is how long to wait at
    least, if the place has said so.
    """

    def __init__(
        self, why: str, delivered: int = 0, after_s: float = 0.0, refused: Mapping[int, str] | None = None
    ) -> None:
        super().__init__(why)
        self.delivered = delivered
        self.after_s = after_s
        self.refused = refused or {}


def up_to(refused: Mapping[int, str], number: int) -> dict[int, str]:
    """What was refused of the messages before this one."""
    return {at: why for at, why in refused.items() if at < number}


def one_by_one(messages: Sequence[Message], send: Callable[[Message], str]) -> dict[int, str]:
    """Send what was refused as a whole again: only the culprits, for which `send` returns a reason, are refused.

    Raises NotNowError for all from the first on that `send` has raised it for.
    """
    refused: dict[int, str] = {}
    for number, message in enumerate(messages):
        try:
            why = send(message)
        except NotNowError as error:
            raise NotNowError(str(error), number, error.after_s, refused) from error
        if why:
            refused[number] = why
    return refused


def words_of(error: BaseException) -> str:
    """A library's error in one line: its class, and what it says."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


class Place:
    """A place that takes messages. Derive from it to write your own: only `send` is needed.

    What you may rely on: one instance lives in one thread. `open` is called before the first `send`, and again, after
    `close`, whenever one has raised. Any exception means "not now": the same messages come again, later, for ever. So
    each message comes at least once, and those of a stream in order. `to: my_module:Lamp` finds the class beside the
    YAML file.

    Example:
        class Lamp(Place):
            def send(self, messages):
                for message in messages:
                    switch(b"crossed" in message.body)
    """

    Settings: ClassVar[type[Struct]] = NoOptions
    """The place's own options, under `settings:` in YAML."""
    library: ClassVar[tuple[str, str]] = ("", "")
    """The module that it needs, and the extra of Framewire that installs it."""
    destination: ClassVar[str] = ""
    """The option that says where in the place messages go: topic, table, key, or none."""
    default: ClassVar[str] = ""
    """Its default."""
    keyed: ClassVar[bool] = False
    """Whether messages also have a key: the option `key`."""
    batch_max: int = BATCH_MAX
    """Messages that it gets in one call, at most."""
    linger_s: float = 0.0
    """How long messages may wait until there are `batch_max` of them."""
    lost: Callable[[str], None] = staticmethod(lambda why: None)
    """Set from outside before `open`: a connection that breaks while nothing is sent says so here, from any thread."""

    def __init__(self, options: PlaceOptions) -> None:
        """Nothing is connected yet. Raises StageError for options that cannot be."""
        self.options = options

    @classmethod
    def plain(cls, value: str) -> str:
        """The value of a template's field, such as a stream's name, as it may stand in a destination."""
        return value

    def open(self) -> None:
        """Connect. Raises what keeps it from that."""

    def send(self, messages: Sequence[Message]) -> Mapping[int, str] | None:
        """Deliver messages; returns once they are safe there.

        Those that it refuses for good are returned, by their number, with the reason. Raises NotNowError, or anything
        else, if they must be sent again.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Disconnect, also after an `open` that has raised; must not wait for anybody."""
