"""Words for the same class: data sets and models call one feeling by several names."""

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
    """The word that stands for all of its kind; case does not count."""
    lower = word.strip().lower()
    return _KEY.get(lower, lower)


def places(labels: Sequence[str], classes: Sequence[str]) -> dict[str, int | None]:
    """For each label of a model the number of the data's class that means the same, or None.

    Raises ValueError where no label means any class.
    """
    number = {key(name): place for place, name in enumerate(classes)}
    found = {label: number.get(key(label)) for label in labels}
    if all(place is None for place in found.values()):
        raise ValueError(
            f"its classes ({', '.join(classes[:8])}) are not what the model tells ({', '.join(labels[:8])})"
        )
    return found
