"""Synonyms for classes: data sets and models name the same emotion differently."""

from collections.abc import Sequence

_SAME = (
    ("angry", "anger"),
    ("disgust", "disgusted"),
    ("fear", "fearful", "afraid", "scared"),
    ("happy", "happiness", "joy"),
    ("sad", "sadness"),
    ("surprise", "surprised"),
    ("neutral", "normal", "calm"),
    ("contempt",),
    ("male", "man"),
    ("female", "woman"),
)
_KEY = {word: group[0] for group in _SAME for word in group}


def key(word: str) -> str:
    """The word that stands for all its synonyms; ignores case."""
    lower = word.strip().lower()
    return _KEY.get(lower, lower)


def places(labels: Sequence[str], classes: Sequence[str]) -> dict[str, int | None]:
    """For each label of a model the index of the data's class that means the same, or None.

    Raises ValueError if no label means any class.
    """
    number = {key(name): place for place, name in enumerate(classes)}
    found = {label: number.get(key(label)) for label in labels}
    if all(place is None for place in found.values()):
        raise ValueError(f"its classes ({', '.join(classes[:8])}) are not the model's labels ({', '.join(labels[:8])})")
    return found
