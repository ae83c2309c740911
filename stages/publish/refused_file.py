"""The file of messages that a place has refused for good: a line of JSON each, with the reason."""

import os
from pathlib import Path

import msgspec
from msgspec import Struct

from framewire.stages.publish.places.place import Message

SUFFIX = ".refused.jsonl"


class RefusedLine(Struct, frozen=True):
    """A line of the file: why, where it should have gone, and the message as it was sent."""

    why: str
    destination: str
    key: str
    message: msgspec.Raw


class RefusedFile:
    """Grows by a line for each message; it is made with the first."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, message: Message, why: str) -> None:
        """Keep a message. Raises OSError."""
        line = msgspec.json.encode(RefusedLine(why, message.destination, message.key, msgspec.Raw(message.body)))
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a+b") as file:
            if file.seek(0, os.SEEK_END):
                file.seek(-1, os.SEEK_END)
                # A disk that was full has taken half a line.
                line = line if file.read(1) == b"\n" else b"\n" + line
            file.write(line + b"\n")
