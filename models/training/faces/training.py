"""`framewire train --task emotion|age-gender`: our own two models, each by its recipe."""

from pathlib import Path

from framewire.models.catalogue.entries import find_entry
from framewire.models.catalogue.model_card import HeadFigures, ModelCard
from framewire.models.catalogue.model_entry import AnswerKind, Head
from framewire.models.datasets.seen_pictures import SeenPictures
from framewire.models.training.faces import age_gender, emotion
from framewire.models.training.faces.face_file import AgeGenderModel, EmotionModel, export
from framewire.models.training.files.card_page import card_page
from framewire.models.training.files.own_file import put_card
from framewire.models.training.loop.order import Order
from framewire.models.training.loop.progress import Progress
from framewire.models.training.loop.trainer import Trainer, best_of

SHOWN = 512
"""Training crops used to calibrate the 8-bit ranges."""


def train_emotion(order: Order, progress: Progress) -> Path:
    """FER2013 as .npz: train_images, train_labels, validation_images, validation_labels.

    Raises KeyError, ValueError, OtherTrainingError, StoppedError, OSError.
    """
    task = emotion.Emotion(order.source.data)
    trainer = Trainer(emotion.new_net(), task, emotion.RECIPE, order.out / "emotion.pt", _key(order, "emotion"))
    _run(trainer, order, progress)
    path = order.out / "framewire_emotion.onnx"
    export(EmotionModel(trainer.best_net()), task.shown(SHOWN), path)
    accuracy = HeadFigures(attribute="emotion", count=task.test_count, accuracy=trainer.best["with mirror"])
    _card(path, "framewire-emotion", order, trainer, task.seen, (accuracy,))
    return path


def train_age_gender(order: Order, progress: Progress) -> Path:
    """UTKFace crops in a .zip, age_gender_race_id.jpg. Emotion comes first: the second net starts from it.

    Raises ValueError, OtherTrainingError, StoppedError, OSError.
    """
    try:
        feelings = best_of(emotion.new_net(), order.out / "emotion.pt")
    except FileNotFoundError as error:
        raise ValueError(f"{error.filename} not found: train --task emotion into the same --out first") from error
    second_net = age_gender.new_second_net(feelings)
    data = order.source.data
    task, second_task = age_gender.AgeGender(data), age_gender.AgeGender(data, age_gender.SECOND_SIZE)
    key = _key(order, "age-gender")
    first = Trainer(age_gender.new_net(), task, age_gender.RECIPE, order.out / "age-gender.pt", key)
    second = Trainer(second_net, second_task, age_gender.SECOND_RECIPE, order.out / "age-gender-second.pt", key)
    for trainer in (first, second):
        _run(trainer, order, progress)
    nets = [(first.best_net(), age_gender.SIZE), (second.best_net(), age_gender.SECOND_SIZE)]
    path = order.out / "framewire_age_gender.onnx"
    export(AgeGenderModel(nets), task.shown(SHOWN), path)
    task.trained_on.write(order.out / "framewire_age_gender.trained.npy")
    figures = (
        HeadFigures(attribute="age", count=task.test_count, error=first.best["age error"]),
        HeadFigures(attribute="gender", count=task.test_count, accuracy=first.best["gender"]),
    )
    _card(path, "framewire-age-gender", order, first, task.seen, figures)
    return path


def _key(order: Order, task: str) -> dict[str, str]:
    """Of the data the name and size: the recipe's own parts are by the files' names."""
    return {"task": task, "data": f"{order.source.data.name} of {order.source.data.stat().st_size} bytes"}


def _run(trainer: Trainer, order: Order, progress: Progress) -> None:
    with progress.shown():
        trainer.run(progress, order.minutes)
    if not trainer.best_weights:
        raise ValueError("no epoch was finished: allow more --minutes")
    progress.line(f"best: {trainer.best}")


def _card(
    path: Path, name: str, order: Order, trainer: Trainer, seen: SeenPictures, figures: tuple[HeadFigures, ...]
) -> None:
    """Input, heads and crop are those of the model of ours that the recipe made; figures are of the nets."""
    entry = find_entry(name)
    outputs = {"framewire-emotion": EmotionModel.outputs, "framewire-age-gender": AgeGenderModel.outputs}[name]
    heads = tuple(
        Head(attribute=head.attribute, labels=head.labels, output=output, kind=head.kind, answer=_answer(head))
        for head, output in zip(entry.answers, outputs, strict=True)
    )
    card = ModelCard(
        name=name,
        task=order_task(name),
        net="face-net",
        input=entry.input,
        heads=heads,
        crop=entry.crop,
        data=order.source.data.name,
        pictures=trainer.task.train_count,
        seen=seen.as_text(),
        figures=figures,
        bits=8,
        trained_with=f"best of {trainer.epoch} epochs; seed {trainer.recipe.seed}; figures of the net, before 8 bits",
    )
    put_card(path, card)
    page = card_page(card, f"framewire train {order.source.data.name} --task {order_task(name)}")
    path.with_suffix(".md").write_text(page, encoding="utf-8")


def order_task(name: str) -> str:
    """The task that makes a model of the catalogue: framewire-emotion is made by emotion."""
    return name.removeprefix("framewire-")


def _answer(head: Head) -> AnswerKind:
    return "value" if head.kind == "age" else "scores"
