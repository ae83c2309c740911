"""Formats of log lines: text for people, or JSON for programs."""

import logging
from enum import StrEnum

import msgspec
from msgspec import Struct


class LogFormat(StrEnum):
    """Values of `--log-format`."""

    TEXT = "text"
    JSON = "json"


class JsonLine(Struct, omit_defaults=True):
    """One line of the log. `time` is Unix time; the others are set where they apply."""

    time: float
    level: str
    message: str
    stage: str = ""
    stream: str = ""
    worker: str = ""


class JsonFormatter(logging.Formatter):
    """Writes a record as a JsonLine; stage, stream and worker come as `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        """See logging.Formatter."""
        where = {name: str(getattr(record, name, "")) for name in ("stage", "stream", "worker")}
        line = JsonLine(round(record.created, 3), record.levelname.lower(), record.getMessage(), **where)
        return msgspec.json.encode(line).decode()
