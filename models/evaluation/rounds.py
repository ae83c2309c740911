"""Classifying many pictures in rounds."""

from collections.abc import Sequence

from framewire.models.classifiers.answer import Answer
from framewire.models.classifiers.classifier import Classifier
from framewire.models.picture import Picture

ROUND = 64
"""Pictures classified at once."""


def in_rounds(classifier: Classifier, pictures: Sequence[Picture]) -> list[dict[str, Answer]]:
    """The answer for each."""
    answers: list[dict[str, Answer]] = []
    for start in range(0, len(pictures), ROUND):
        answers += classifier.classify(pictures[start : start + ROUND])
    return answers
