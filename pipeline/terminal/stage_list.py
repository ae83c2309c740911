"""`framewire stages`: the stages there are, and what each may be told."""

from rich.console import Console
from rich.table import Table

from framewire.pipeline.option import options_of
from framewire.pipeline.registry import find_stage, known_stages


def list_stages(console: Console) -> None:
    """All stages: name, kind, and what they do."""
    table = Table(box=None, pad_edge=False)
    for column in ("stage", "kind", "what it does"):
        table.add_column(column)
    for name in known_stages():
        cls = find_stage(name)
        table.add_row(name, cls.kind(), _first_line(cls.__doc__))
    console.print(table)


def show_stage(console: Console, name: str) -> None:
    """One stage, and all of its options. Raises UnknownStageError."""
    cls = find_stage(name)
    console.print(f"{name} ({cls.kind()})\n", markup=False)
    console.print(_unindent(cls.__doc__ or ""), markup=False, highlight=False)
    table = Table(box=None, pad_edge=False)
    for column in ("option", "default", "type", "what it is"):
        table.add_column(column, overflow="fold")
    for option in options_of(cls.Options):
        table.add_row(*(_plain(text) for text in (option.name, option.default, option.type, option.help)))
    console.print()
    console.print(table)


def _plain(text: str) -> str:
    return text.replace("[", r"\[")


def _first_line(docstring: str | None) -> str:
    return (docstring or "").strip().split("\n", 1)[0]


def _unindent(docstring: str) -> str:
    return "\n".join(line.removeprefix("    ") for line in docstring.rstrip().splitlines())
