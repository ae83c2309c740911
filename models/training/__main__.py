"""`python -m framewire.models.training emotion|age-gender --data FILE`: trains, and resumes where it was stopped."""

import math
from pathlib import Path
from typing import Annotated

import typer

from framewire.models.training import age_gender, emotion
from framewire.models.training.export import AgeGenderModel, EmotionModel, export
from framewire.models.training.trainer import Trainer, best_of

SHOWN = 512
"""Training crops used to calibrate the 8-bit ranges."""

app = typer.Typer(pretty_exceptions_enable=False, no_args_is_help=True, help="Train our own networks.")

Data = Annotated[Path, typer.Option(exists=True, dir_okay=False, help="The data set's file")]
Out = Annotated[Path, typer.Option(help="Checkpoint folder")]
Minutes = Annotated[float, typer.Option(help="Stop after this many minutes; rerun to resume")]


@app.command("emotion")
def train_emotion(data: Data, out: Out = Path("out/training"), minutes: Minutes = math.inf) -> None:
    """FER2013 as .npz: train_images, train_labels, validation_images, validation_labels."""
    task = emotion.Emotion(data)
    trainer = Trainer(emotion.new_net(), task, emotion.RECIPE, out / "emotion.pt")
    _run(trainer, minutes)
    export(EmotionModel(trainer.best_net()), task.shown(SHOWN), out / "framewire_emotion.onnx")


@app.command("age-gender")
def train_age_gender(data: Data, out: Out = Path("out/training"), minutes: Minutes = math.inf) -> None:
    """UTKFace crops in a .zip, age_gender_race_id.jpg. Train emotion first: the second net starts from it."""
    try:
        feelings = best_of(emotion.new_net(), out / "emotion.pt")
    except FileNotFoundError as error:
        raise typer.BadParameter(f"{error.filename} not found: train emotion into the same --out first") from error
    second_net = age_gender.new_second_net(feelings)
    task, second_task = age_gender.AgeGender(data), age_gender.AgeGender(data, age_gender.SECOND_SIZE)
    first = Trainer(age_gender.new_net(), task, age_gender.RECIPE, out / "age-gender.pt")
    second = Trainer(second_net, second_task, age_gender.SECOND_RECIPE, out / "age-gender-second.pt")
    for trainer in (first, second):
        _run(trainer, minutes)
    nets = [(first.best_net(), age_gender.SIZE), (second.best_net(), age_gender.SECOND_SIZE)]
    export(AgeGenderModel(nets), task.shown(SHOWN), out / "framewire_age_gender.onnx")
    task.trained_on.write(out / "framewire_age_gender.trained.npy")


def _run(trainer: Trainer, minutes: float) -> None:
    trainer.run(typer.echo, minutes)
    typer.echo(f"best: {trainer.best}")


app()
