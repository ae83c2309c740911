"""Figures as they stand on the page of results: read, put into words and tables."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import TypeVar

import msgspec
from msgspec import Struct

from bench.machine import Machine

RESULTS = Path(__file__).parent / "results"
T = TypeVar("T", bound=Struct)
Cell = str | float | int | None


def read_result(name: str, kind: type[T]) -> T | None:
    """The result of that name; None if it was never measured."""
    path = RESULTS / f"{name}.json"
    return msgspec.json.decode(path.read_bytes(), type=kind) if path.exists() else None


def described(machine: Machine) -> str:
    """The machine in a few words."""
    return f"{machine.cores} cores of an {machine.processor}, Python {machine.python}"


def middle(values: Iterable[float]) -> float:
    """The median, to one decimal."""
    return round(median(values), 1)


def as_table(heads: Sequence[str], rows: Sequence[Sequence[Cell]]) -> str:
    """A table in Markdown: the first column is text, the others are figures."""
    lines = ["| " + " | ".join(heads) + " |", "| --- |" + " ---: |" * (len(heads) - 1)]
    lines += ["| " + " | ".join("" if cell is None else str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"
