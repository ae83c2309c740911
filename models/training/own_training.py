"""From labelled pictures to a file that classifies: read, part, train, export, card."""

import hashlib
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from framewire.models.cannot_load import CannotLoadError
from framewire.models.catalogue.model_card import KEY, ModelCard
from framewire.models.catalogue.model_entry import Head, ModelInput
from framewire.models.classifiers.resize import resized
from framewire.models.datasets.examples import Examples, Source, read_examples
from framewire.models.datasets.held_out import Parting, contradictions, part
from framewire.models.datasets.picture_files import other_files
from framewire.models.datasets.seen_pictures import SeenPictures
from framewire.models.picture import Picture
from framewire.models.runtime.onnx_graph import metadata
from framewire.models.training.classify import Classification, Pictures, Style, augmentation
from framewire.models.training.files.card_page import card_page
from framewire.models.training.files.own_file import OwnModel, Sample, write_own
from framewire.models.training.loop.augment import Augmentation
from framewire.models.training.loop.order import CROPS, Order
from framewire.models.training.loop.progress import Progress
from framewire.models.training.loop.recipe import Recipe
from framewire.models.training.loop.trainer import Trainer
from framewire.models.training.nets.known_nets import KNOWN_NETS
from framewire.models.training.nets.new_net import new_net

BATCHES = ((8000, 128), (2000, 64), (0, 32))
"""At least so many pictures, and the size of a batch: few pictures need more steps."""
NAMED = 5
"""Names of broken pictures that are said."""


def train_own(order: Order, progress: Progress) -> Path:
    """Train as asked, or go on where it was stopped; returns the .onnx.

    Raises ValueError for data or options that will not do, OtherTrainingError, ExportError, StoppedError, OSError.
    """
    refuse_foreign(order.model)
    side = order.side
    device = chosen_device(order.device)
    examples = read_examples(order.source, lambda picture: resized(picture, side, side))
    parting = part(examples)
    grey = examples.grey if order.colour == "auto" else order.colour == "grey"
    say(examples, parting, grey, progress.line)
    say_others(order.source, progress.line)
    inputs = as_inputs(examples.pictures, grey)
    heads = [
        Head(attribute=attribute, labels=labels, output=f"scores{number or ''}", answer="scores")
        for number, (attribute, labels) in enumerate(examples.classes.items())
    ]
    train, validation, held_out = (
        Sample(inputs[one], examples.labels[one]) for one in (parting.train, parting.validation, parting.held_out)
    )
    style = style_of(order, order.mirrors(grey, [label for head in heads for label in head.labels]))
    if style.how.mirror and order.mirror is None:
        progress.line("pictures are mirrored, too; use --no-mirror if left and right matter")
    shown, choosing = (Pictures(one.inputs, one.labels, device) for one in (train, validation))
    task = Classification({head.output: head.attribute for head in heads}, shown, choosing, style)
    recipe = recipe_for(order, len(shown))
    # The weights that it starts from are drawn when it is made.
    torch.manual_seed(recipe.seed)
    net = new_net(order.net, inputs.shape[1], side, {head.output: len(head.labels) for head in heads})
    key = {
        "task": order.task,
        "net": str(order.net),
        "size": str(side),
        "data": digest(examples, parting),
        "chosen by": "validation",
        "epochs": str(recipe.epochs),
        "seed": str(order.seed),
        "colour": "grey" if grey else "BGR",
        "mirror": str(style.how.mirror),
    }
    trainer = Trainer(net, task, recipe, order.checkpoint, key, order.patience, device)
    run(trainer, order, progress)
    card = ModelCard(
        name=order.name,
        task=order.task,
        net=str(order.net),
        input=ModelInput(height=side, width=side, order="grey" if grey else "BGR"),
        heads=tuple(heads),
        crop=CROPS[order.crop],
        data=order.source.data.name,
        pictures=len(parting.train),
        seen=SeenPictures(np.unique(examples.hashes[[*parting.train, *parting.validation]])).as_text(),
        trained_with=trained_with(trainer, style.how.mirror, len(choosing)),
    )
    model = OwnModel(trainer.best_net(), [head.output for head in heads], style.two_views)
    done = write_own(model, card, train, held_out, order.model, order.bits, progress.line)
    write_page(done, order, progress.line)
    return order.model


def style_of(order: Order, mirror: bool) -> Style:
    """How this task is learned: emotions as our own model did."""
    if order.task == "emotion":
        return Style(how=Augmentation(mirror=mirror), smoothing=0.1, mixup=0.2, two_views=mirror)
    return Style(how=augmentation(order.side, mirror))


def run(trainer: Trainer, order: Order, progress: Progress) -> None:
    """Train to the end, or go on to it. Raises StoppedError, ValueError if there was no time for one epoch."""
    if trainer.resumed:
        place = f"resuming in epoch {trainer.epoch + 1}" if not trainer.finished else "is done"
        progress.line(f"{trainer.checkpoint}: {place}")
    with progress.shown():
        trainer.run(progress, order.minutes)
    if not trainer.best_weights:
        raise ValueError("no epoch was finished; allow more --minutes")


def write_page(card: ModelCard, order: Order, tell: Callable[[str], None]) -> None:
    """The card for people, beside the model; tells its figures.

    A card that is there may have been filled in by hand: it is kept.
    """
    for figures in card.figures:
        tell(f"held out: {figures.attribute} {figures.measured} of {figures.count} pictures, {card.bits} bits")
    path, page = order.model.with_suffix(".md"), card_page(card, order.command)
    if path.exists() and path.read_text(encoding="utf-8") != page:
        kept = path.replace(path.with_suffix(".earlier.md"))
        tell(f"note: the previous card is now {kept}")
    path.write_text(page, encoding="utf-8")


def refuse_foreign(path: Path) -> None:
    """Raises ValueError for a file that no training of ours has made: it is not ours to replace."""
    if path.exists() and KEY not in metadata(path):
        raise ValueError(f"{path} exists and was not made by `framewire train`; name another --out or --name")


def chosen_device(asked: str) -> str:
    """`cuda` if it is there, else `cpu`. Raises CannotLoadError if what is asked for is not."""
    there = torch.cuda.is_available()
    if asked == "cuda" and not there:
        raise CannotLoadError("--device cuda: this PyTorch finds no GPU; use --device cpu, or install its CUDA build")
    return "cuda" if there and asked != "cpu" else "cpu"


def recipe_for(order: Order, count: int) -> Recipe:
    """The net's recipe, with a batch fit for so many pictures, and a rate fit for the batch (Goyal et al., 2017)."""
    batch = next(batch for least, batch in BATCHES if count >= least)
    rate = KNOWN_NETS[order.net].rate * batch / BATCHES[0][1]
    return Recipe(
        epochs=order.epochs_of(max(1, count // batch)), batch=batch, rate=rate, seed=order.seed, threads=order.threads
    )


def as_inputs(pictures: NDArray[np.uint8], grey: bool) -> NDArray[np.uint8]:
    """(n, side, side, 3) BGR to (n, channels, side, side), made grey as a pipeline does it."""
    if not grey:
        return np.ascontiguousarray(pictures.transpose(0, 3, 1, 2))
    return np.stack([_grey(picture) for picture in pictures])[:, None]


def say(examples: Examples, parting: Parting, grey: bool, tell: Callable[[str], None]) -> None:
    """What was read, and all that is worth a warning."""
    classes = "; ".join(f"{name}: {', '.join(labels)}" for name, labels in examples.classes.items())
    tell(
        f"{len(parting.train)} pictures to train on, {len(parting.validation)} choose the epoch, "
        f"{len(parting.held_out)} held out, {'grey' if grey else 'colour'}"
    )
    tell(classes)
    if examples.order:
        tell(f"the array's colours are assumed to be {examples.order}; --colours overrides this")
    if examples.broken:
        more = f" and {len(examples.broken) - NAMED} more" if len(examples.broken) > NAMED else ""
        tell(f"warning: {len(examples.broken)} unreadable: {', '.join(examples.broken[:NAMED])}{more}")
    if examples.unanswered:
        tell(f"note: {examples.unanswered} pictures have no answer in the list and are left out")
    if double := contradictions(examples):
        tell(f"warning: {double} pictures are in two classes at once")
    for remark in parting.remarks:
        tell(f"note: {remark}")


def say_others(source: Source, tell: Callable[[str], None]) -> None:
    """A class whose pictures are of a kind that is not read would be missing without a word."""
    for data in (source.data, source.held_out):
        if data is not None and data.suffix.lower() != ".npz" and (others := other_files(data)):
            named = ", ".join(f"{count} {suffix}" for suffix, count in others.items())
            tell(f"note: these files in {data} are not pictures and were not read: {named}")


def digest(examples: Examples, parting: Parting) -> str:
    """Of what is learned and measured: pictures, labels, parts, classes; whatever the files are called."""
    whole = hashlib.sha256(repr(examples.classes).encode())
    for one in (parting.train, parting.validation, parting.held_out):
        order = np.lexsort((examples.labels[one, 0], examples.hashes[one]))
        whole.update(examples.hashes[one][order].tobytes())
        whole.update(examples.labels[one][order].tobytes())
        # A checkpoint's place in an epoch counts pictures in the order of their files.
        whole.update(np.asarray(examples.hashes[one]).tobytes())
    return whole.hexdigest()[:12]


def trained_with(trainer: Trainer, mirror: bool, choosing: int) -> str:
    """One line for the card; so many pictures have chosen the epoch."""
    try:
        release = version("framewire")
    except PackageNotFoundError:
        release = "from source"
    recipe = trainer.recipe
    return (
        f"Framewire {release}; epoch {trainer.best_epoch} of {trainer.epoch}, {_chosen(choosing)}; seed {recipe.seed}; "
        f"batch {recipe.batch}; rate {recipe.rate:g}; shifted, turned, zoomed, lit{', mirrored' if mirror else ''}"
    )


def _chosen(choosing: int) -> str:
    return f"chosen by {choosing} other pictures" if choosing else "the last"


def _grey(picture: Picture) -> Picture:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)
