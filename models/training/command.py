"""`framewire train`: from labelled pictures to an .onnx that a pipeline runs."""

import importlib.util
import math
import os
import signal
import zipfile
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from framewire.models.cannot_load import CannotLoadError
from framewire.models.datasets.examples import Source
from framewire.models.training.loop.order import Order
from framewire.models.training.loop.progress import Progress
from framewire.models.training.nets.known_nets import KNOWN_NETS, NetName

FAILED = 1
WRONG = 2
INTERRUPTED = 128
"""Plus the signal's number: what a shell expects of a stopped command."""
NEEDED = ("torch", "onnx", "onnxruntime")
CURE = (
    "training needs {missing}: first `pip install torch --index-url https://download.pytorch.org/whl/cpu` "
    '(without a GPU: it saves gigabytes of CUDA), then `pip install "framewire[train,cpu]"`'
)
_SIZES = ", ".join(f"{name} {net.size} (at least {net.least})" for name, net in KNOWN_NETS.items())


class TaskName(StrEnum):
    """What is learned."""

    CLASSIFY = "classify"
    EMOTION = "emotion"
    AGE_GENDER = "age-gender"


class Colour(StrEnum):
    """The input's colours."""

    AUTO = "auto"
    GREY = "grey"
    BGR = "bgr"


class ArrayOrder(StrEnum):
    """The order of the colours in an .npz."""

    AUTO = "auto"
    RGB = "rgb"
    BGR = "bgr"


class CropName(StrEnum):
    """How faces were cut out of the training pictures."""

    NONE = "none"
    BOX = "box"
    FER = "fer"
    UTKFACE = "utkface"


class Bits(StrEnum):
    """Of the weights."""

    AUTO = "auto"
    EIGHT = "8"
    WHOLE = "32"


class Device(StrEnum):
    """Where to train."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


def train(
    data: Annotated[
        Path,
        typer.Argument(
            exists=True,
            show_default=False,
            help="A folder with a subfolder for each class, a .zip of it, or an .npz (images, labels, classes)",
        ),
    ],
    task: Annotated[TaskName, typer.Option(help="emotion and age-gender: the recipes of our own models")] = (
        TaskName.CLASSIFY
    ),
    net: Annotated[NetName | None, typer.Option(help="Which network [default: resnet]", show_default=False)] = None,
    size: Annotated[int, typer.Option(min=0, help=f"The input's side in pixels; 0: {_SIZES}")] = 0,
    epochs: Annotated[int, typer.Option(min=0, help="Rounds through the data; 0: as the network needs")] = 0,
    out: Annotated[Path, typer.Option(help="Folder for the model, its card and the checkpoint")] = Path("out/training"),
    name: Annotated[str, typer.Option(help="Of the model [default: that of the data]", show_default=False)] = "",
    val: Annotated[
        Path | None, typer.Option(exists=True, help="Held-out pictures, if the data has no part for them")
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="A .csv: name, and a column for each answer, with a header"),
    ] = None,
    attribute: Annotated[str, typer.Option(help="What the answer is called in results")] = "class",
    colour: Annotated[Colour, typer.Option(help="The network's input; auto: grey if all pictures are")] = Colour.AUTO,
    colours: Annotated[
        ArrayOrder, typer.Option(help="Of an .npz; auto: its `order`, or RGB for x_train, else BGR")
    ] = ArrayOrder.AUTO,
    mirror: Annotated[
        bool | None,
        typer.Option(
            "--mirror/--no-mirror", help="Mirror pictures [default: in colour or of faces, yes]", show_default=False
        ),
    ] = None,
    crop: Annotated[
        CropName, typer.Option(help="How the training pictures' faces were cut out; none: whole pictures")
    ] = CropName.NONE,
    bits: Annotated[Bits, typer.Option(help="auto: 8 where accuracy stays within half a point")] = Bits.AUTO,
    patience: Annotated[int, typer.Option(min=0, help="End after so many epochs without gain; 0: never")] = 0,
    device: Annotated[Device, typer.Option(help="Where to train")] = Device.AUTO,
    seed: Annotated[int, typer.Option(help="Of chance")] = 7,
    threads: Annotated[int, typer.Option(min=1, help="Of the CPU")] = 2,
    minutes: Annotated[
        float, typer.Option(min=0, help="Stop after this many; the same command goes on", show_default=False)
    ] = math.inf,
) -> None:
    """Train a classifier on labelled pictures. Stopped or killed, the same command goes on where it was."""
    missing = [one for one in NEEDED if importlib.util.find_spec(one) is None]
    if missing:
        _end(CURE.format(missing=" and ".join(missing)), FAILED)
    if task is not TaskName.CLASSIFY and (net or size or epochs or val or labels or crop is not CropName.NONE):
        _end(f"--task {task} has its own net, size, epochs, parts and crop; for others say --task classify", WRONG)
    progress = Progress(Console())
    order = Order(
        source=Source(
            data=data,
            held_out=val,
            listing=labels,
            attribute=attribute,
            order="" if colours is ArrayOrder.AUTO else colours.upper(),
        ),
        out=out,
        name=name or data.resolve().stem,
        net=net or NetName.RESNET,
        size=size,
        epochs=epochs,
        colour=colour.value,  # type: ignore[arg-type]
        crop=crop.value,
        mirror=mirror,
        bits=bits.value,  # type: ignore[arg-type]
        patience=patience,
        device=device.value,  # type: ignore[arg-type]
        seed=seed,
        threads=threads,
        minutes=minutes,
    )
    path = _done(task, order, progress)
    progress.line(f"model: {path}")
    progress.line(f"card:  {path.with_suffix('.md')}")


def _done(task: TaskName, order: Order, progress: Progress) -> Path:
    """Train; every error ends the command in words."""
    try:
        order.side  # noqa: B018
        # Read once, when PyTorch is loaded: threads that wait awake take the cores from whatever else runs here.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        run = _runner(task)
        from framewire.models.training.loop.trainer import StoppedError
    except ValueError as error:
        _end(str(error), WRONG)
    try:
        return run(order, progress)
    except StoppedError as stop:
        typer.echo(f"{stop}; the same command goes on from there", err=True)
        raise typer.Exit(INTERRUPTED + progress.stopped) from stop
    except KeyboardInterrupt as stop:
        typer.echo("stopped; the same command goes on from the last checkpoint", err=True)
        raise typer.Exit(INTERRUPTED + signal.SIGINT) from stop
    except (KeyError, ValueError, zipfile.BadZipFile) as error:
        _end(f"cannot train on {order.source.data}: {error.args[0] if error.args else error}", WRONG)
    except (CannotLoadError, OSError) as error:
        _end(str(error), FAILED)


def _runner(task: TaskName) -> Callable[[Order, Progress], Path]:
    if task is TaskName.CLASSIFY:
        from framewire.models.training.own_training import train_own

        return train_own
    from framewire.models.training.faces.training import train_age_gender, train_emotion

    return train_emotion if task is TaskName.EMOTION else train_age_gender


def _end(words: str, code: int) -> NoReturn:
    typer.echo(f"error: {words}", err=True)
    raise typer.Exit(code)
