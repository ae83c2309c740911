"""`framewire train --task age-gender`: our own model's recipe, of one net, or of two that answer together."""

from pathlib import Path

import torch

from framewire.models.catalogue.entries import find_entry
from framewire.models.catalogue.model_card import ModelCard
from framewire.models.catalogue.model_entry import Head
from framewire.models.training import age_gender
from framewire.models.training.age_gender import AgeGender, AgeGenderModel
from framewire.models.training.files.own_file import write_own
from framewire.models.training.loop.order import Order
from framewire.models.training.loop.progress import Progress
from framewire.models.training.loop.recipe import Recipe
from framewire.models.training.loop.trainer import Trainer, key_and_best
from framewire.models.training.own_training import chosen_device, refuse_foreign, run, trained_with, write_page

OURS = "framewire-age-gender"
"""Whose input, age ranges and crop the result has."""


def train_age_gender(order: Order, progress: Progress) -> Path:
    """UTKFace crops in a folder or .zip, age_gender_race_id.jpg; returns the .onnx.

    Raises ValueError for data or options that will not do, OtherTrainingError, ExportError, StoppedError, OSError.
    """
    refuse_foreign(order.model)
    start = _start(order.start) if order.start is not None else None
    device = chosen_device(order.device)
    task = AgeGender(order.source.data, device=device)
    progress.line(
        f"{task.train_count} faces to train on, {task.choosing_count} choose the epoch, "
        f"{len(task.held_out.labels)} held out"
    )
    key = {
        "task": order.task,
        "data": task.digest,
        "epochs": str(order.epochs),
        "seed": str(order.seed),
        "start": "none" if start is None else start[0]["data"],
    }
    trainers = [_first(order, task, key, device)]
    if start is not None:
        trainers.append(_second(order, task, key, device, start[1]))
    for trainer in trainers:
        run(trainer, order, progress)
    sides = (age_gender.SIZE, age_gender.SECOND_SIZE)
    model = AgeGenderModel([(trainer.best_net(), side) for trainer, side in zip(trainers, sides, strict=False)])
    entry = find_entry(OURS)
    years, gender = entry.answers
    card = ModelCard(
        name=order.name,
        task=order.task,
        net="face-net" if len(trainers) == 1 else "two face-nets",
        input=entry.input,
        heads=(
            Head(attribute=years.attribute, labels=years.labels, output="years", kind="age"),
            Head(attribute=gender.attribute, labels=gender.labels, output="gender", answer="scores"),
        ),
        crop=entry.crop,
        data=order.source.data.name,
        pictures=task.train_count,
        seen=task.seen.as_text(),
        trained_with=trained_with(trainers[0], True, task.choosing_count),
    )
    done = write_own(model, card, task.shown, task.held_out, order.model, order.bits, progress.line)
    write_page(done, order, progress.line)
    return order.model


def _first(order: Order, task: AgeGender, key: dict[str, str], device: str) -> Trainer:
    recipe = _asked(age_gender.RECIPE, order)
    torch.manual_seed(recipe.seed)
    return Trainer(age_gender.new_net(), task, recipe, order.checkpoint, key, order.patience, device)


def _second(order: Order, task: AgeGender, key: dict[str, str], device: str, known: dict[str, torch.Tensor]) -> Trainer:
    recipe = _asked(age_gender.SECOND_RECIPE, order)
    torch.manual_seed(recipe.seed)
    checkpoint = order.out / "training-second.pt"
    smaller = task.seen_at(age_gender.SECOND_SIZE)
    return Trainer(age_gender.new_second_net(known), smaller, recipe, checkpoint, key, order.patience, device)


def _asked(recipe: Recipe, order: Order) -> Recipe:
    """With fewer or more epochs, if so asked; the second net gets its share."""
    share = recipe.epochs / age_gender.RECIPE.epochs
    return Recipe(
        epochs=max(1, round(share * order.epochs)) if order.epochs else recipe.epochs,
        batch=recipe.batch,
        rate=recipe.rate,
        seed=recipe.seed + order.seed - Recipe(epochs=1).seed,
        threads=order.threads,
    )


def _start(checkpoint: Path) -> tuple[dict[str, str], dict[str, torch.Tensor]]:
    """What an emotion training was of, and its best weights."""
    key, weights = key_and_best(checkpoint)
    wanted = {"task": "emotion", "net": "face-net", "colour": "grey"}
    wrong = [f"{name} {key.get(name, 'unknown')}" for name, value in wanted.items() if key.get(name) != value]
    if wrong or not weights:
        why = ", ".join(wrong) or "no epoch finished"
        raise ValueError(f"--start {checkpoint}: it must be from `--task emotion` with face-net, but is from {why}")
    return key, weights
