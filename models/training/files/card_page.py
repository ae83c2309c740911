"""The card of a trained file as a page of Markdown, for people."""

from framewire.models.catalogue.model_card import HeadFigures, ModelCard
from framewire.models.catalogue.model_entry import Head
from framewire.models.crops.alignment import AlignedCrop
from framewire.models.crops.face_crop import BoxCrop, SquareCrop

SHOWN = 40
"""Labels above which a confusion matrix is too wide to read."""


def card_page(card: ModelCard, command: str) -> str:
    """The page: what it is, how good on held-out pictures, how it was trained, what it is not for."""
    asked = card.input
    rows = [
        ("task", card.task),
        ("net", card.net),
        ("input", f"{asked.width} x {asked.height}, {asked.order}, 0 to 255"),
        ("weights", f"{card.bits} bits"),
        ("crop", _crop(card.crop)),
        ("data", f"{card.data}: {card.pictures} pictures to train on"),
        ("trained by", f"`{command}`"),
        ("with", card.trained_with),
        ("licence", "TO FILL IN: of this model, as the licences of its pictures allow"),
    ]
    lines = [f"# {card.name}", "", "| | |", "|---|---|", *(f"| {name} | {_cell(said)} |" for name, said in rows), ""]
    heads = {head.attribute: head for head in card.heads}
    for figures in card.figures:
        lines += _section(heads[figures.attribute], figures)
    lines += [
        "## Limits",
        "",
        "- Held-out pictures were neither trained on nor used to choose the epoch, but are of the same source. Other",
        "  cameras, light and people are not measured: measure on your own with `framewire evaluate`.",
        "- It answers with one of its labels whatever it is shown; it has no word for anything else.",
        "- Not for decisions about people. If the pictures show people, state here on what basis they were collected",
        "  and who is missing among them: TO FILL IN.",
        "",
    ]
    return "\n".join(lines)


def _section(head: Head, figures: HeadFigures) -> list[str]:
    lines = [f"## {head.attribute} on {figures.count} held-out pictures", ""]
    if figures.accuracy is not None:
        lines += [f"Accuracy {figures.accuracy:.2%}.", ""]
    if figures.error is not None:
        lines += [f"Mean absolute error {figures.error:.2f}.", ""]
    if not figures.confusion:
        return lines
    rows = list(zip(head.labels, figures.confusion, strict=True))
    if len(rows) > SHOWN:
        lines += ["| class | right | of |", "|---|---|---|"]
        lines += [f"| {_cell(name)} | {row[place]} | {sum(row)} |" for place, (name, row) in enumerate(rows)]
    else:
        lines += ["Rows: true class; columns: predicted class.", ""]
        lines += [f"| | {' | '.join(_cell(name) for name in head.labels)} | right |", "|---" * (len(rows) + 2) + "|"]
        for place, (name, row) in enumerate(rows):
            share = f"{row[place] / sum(row):.1%}" if sum(row) else "-"
            lines.append(f"| **{_cell(name)}** | {' | '.join(map(str, row))} | {share} |")
    return [*lines, ""]


def _crop(crop: BoxCrop | SquareCrop | AlignedCrop | None) -> str:
    if crop is None:
        return "none: whole frames, or detections as they are"
    if isinstance(crop, SquareCrop):
        return f"a square of {crop.side:g} times the box's {crop.by}, its centre {crop.down:g} heights below the top"
    return "the box as detected" if isinstance(crop, BoxCrop) else "aligned by five landmarks"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
