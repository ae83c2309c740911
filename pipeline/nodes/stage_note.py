"""Which stage an error came from, noted on the error itself: a process may run several."""

_NOTE = "stage: "


def note_stage(error: BaseException, stage: str) -> None:
    """Note the stage, unless one was noted before."""
    if noted_stage(error) is None:
        error.add_note(_NOTE + stage)


def noted_stage(error: BaseException) -> str | None:
    """The stage that was noted, or None."""
    notes: list[str] = getattr(error, "__notes__", [])
    return next((note.removeprefix(_NOTE) for note in notes if note.startswith(_NOTE)), None)
