"""Charts of the results: a confusion matrix, age errors, a detector's recall."""

from pathlib import Path
from typing import Any

import numpy as np

from framewire.models.cannot_load import CannotLoadError
from framewire.models.evaluation.age_gender import AgeGenderFigures
from framewire.models.evaluation.classes import ClassFigures
from framewire.models.evaluation.faces import FaceFigures
from framewire.models.plain_text import plain

DPI = 120
DARK_FROM = 0.5
"""Cells darker than this get white text."""
YEARS_A_BAR = 10
READABLE = 40
"""Classes, of which each cell can still be written out."""


def draw(figures: ClassFigures | AgeGenderFigures | FaceFigures, title: str, path: Path) -> None:
    """Draw the matching chart. Raises CannotLoadError without matplotlib, OSError."""
    figure, axes = _new_figure()
    if isinstance(figures, ClassFigures):
        _confusion(axes, figures)
    elif isinstance(figures, AgeGenderFigures):
        _ages(axes, figures)
    else:
        _recall(axes, figures)
    axes.set_title(_literal(title))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(str(path), dpi=DPI)


def _new_figure() -> tuple[Any, Any]:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise CannotLoadError('charts need matplotlib: pip install "framewire[demo]"') from error
    figure = Figure(figsize=(7, 6), layout="constrained")
    return figure, figure.add_subplot()


def _literal(text: str) -> str:
    """As it is: between dollar signs matplotlib reads formulas."""
    return plain(text).replace("$", r"\$")


def _confusion(axes: Any, figures: ClassFigures) -> None:
    counts, names = np.array(figures.confusion), [_literal(name) for name in figures.classes]
    columns = names
    if any(figures.other):
        counts, columns = np.column_stack([counts, figures.other]), [*names, "other"]
    shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    if len(names) > READABLE:
        return
    for row, of_row in enumerate(shares):
        for column, share in enumerate(of_row):
            color = "white" if share > DARK_FROM else "black"
            axes.text(column, row, f"{share:.0%}", ha="center", va="center", color=color)
    axes.set_xticks(range(len(columns)), columns, rotation=40, ha="right")
    axes.set_yticks(
        range(len(names)), [f"{name} ({count})" for name, count in zip(names, counts.sum(axis=1), strict=True)]
    )


def _ages(axes: Any, figures: AgeGenderFigures) -> None:
    true, told = np.array(figures.ages, np.float64).T
    axes.scatter(true, told, s=8, alpha=0.4, linewidths=0)
    top = max(true.max(), told.max()) + 2
    axes.plot([0, top], [0, top], color="black", linewidth=1, label="exact")
    tens = (true // YEARS_A_BAR).astype(int)
    middles = [(ten + 0.5) * YEARS_A_BAR for ten in np.unique(tens)]
    means = [told[tens == ten].mean() for ten in np.unique(tens)]
    errors = [np.abs(told - true)[tens == ten].mean() for ten in np.unique(tens)]
    axes.errorbar(middles, means, yerr=errors, fmt="o", color="tab:red", capsize=3, label="mean and mean error")
    axes.set_xlabel("true age, years")
    axes.set_ylabel("predicted age, years")
    axes.legend(loc="upper left")


def _recall(axes: Any, figures: FaceFigures) -> None:
    recall, precision = np.array(figures.curve or [(0.0, 0.0)]).T
    axes.step(recall, precision, where="pre")
    axes.scatter([figures.recall], [figures.precision], color="tab:red", label="at the requested score")
    axes.set_xlim(0, 1.02)
    axes.set_ylim(0, 1.02)
    axes.set_xlabel(f"recall of {figures.count} faces")
    axes.set_ylabel("precision")
    axes.legend(loc="lower left")
