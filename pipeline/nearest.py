"""Suggestions for mistyped words."""

import difflib


def nearest(word: str, known: list[str]) -> str:
    """` (did you mean X?)` for the nearest known word, or nothing."""
    match = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f" (did you mean {match[0]!r}?)" if match else ""
