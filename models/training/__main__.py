"""`python -m models.training emotion|age-gender --data FILE`: trains, and goes on where it was stopped."""

import math
from pathlib import Path
from typing import Annotated

import typer

from models.training import age_gender, emotion
from models.training.export import AgeGenderModel, EmotionModel, export
from models.training.trainer import Trainer

app = typer.Typer(pretty_exceptions_enable=False, no_args_is_help=True, help="Train our own networks.")

Data = Annotated[Path, typer.Option(exists=True, dir_okay=False, help="The data set's file")]
Out = Annotated[Path, typer.Option(help="Folder of the checkpoint")]
Minutes = Annotated[float, typer.Option(help="Stop after so many minutes; start again to go on")]


@app.command("emotion")
def train_emotion(data: Data, out: Out = Path("out/training"), minutes: Minutes = math.inf) -> None:
    """FER2013 as .npz: train_images, train_labels, validation_images, validation_labels."""
    trainer = Trainer(emotion.new_net(), emotion.Emotion(data), emotion.RECIPE, out / "emotion.pt")
    trainer.run(typer.echo, minutes)
    typer.echo(f"best: {trainer.best}")
    export(EmotionModel(trainer.best_net()), 1, emotion.SIZE, out / "framewire_emotion.onnx")


@app.command("age-gender")
def train_age_gender(data: Data, out: Out = Path("out/training"), minutes: Minutes = math.inf) -> None:
    """UTKFace crops in a .zip, named age_gender_race_id.jpg."""
    trainer = Trainer(age_gender.new_net(), age_gender.AgeGender(data), age_gender.RECIPE, out / "age-gender.pt")
    trainer.run(typer.echo, minutes)
    typer.echo(f"best: {trainer.best}")
    export(AgeGenderModel(trainer.best_net()), 3, age_gender.SIZE, out / "framewire_age_gender.onnx")


app()
