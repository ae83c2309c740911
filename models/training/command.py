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
from framewire.models.datasets.array_pictures import ArrayOrder
from framewire.models.datasets.examples import Source
from framewire.models.training.loop.alone import alone_in
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
    task: Annotated[
        TaskName, typer.Option(help="emotion, age-gender (files named like UTKFace): the recipes of our own models")
    ] = TaskName.CLASSIFY,
    net: Annotated[
        NetName | None, typer.Option(help="Which network; default: resnet, for emotion face-net", show_default=False)
    ] = None,
    size: Annotated[int, typer.Option(min=0, help=f"The input's side in pixels; 0: {_SIZES}")] = 0,
    epochs: Annotated[
        int, typer.Option(min=0, help="Passes over the data; 0: as the network needs, more for few pictures")
    ] = 0,
    out: Annotated[Path, typer.Option(help="Folder for the model, its card and the checkpoint")] = Path("out/training"),
    name: Annotated[str, typer.Option(help="The model's name; default: that of the data", show_default=False)] = "",
    val: Annotated[
        Path | None, typer.Option(exists=True, help="Held-out pictures, if the data has no part for them")
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="A .csv with a header: name, and a column for each answer"),
    ] = None,
    attribute: Annotated[
        str, typer.Option(help="What the answer is called in results; default: class, or emotion", show_default=False)
    ] = "",
    colour: Annotated[Colour, typer.Option(help="The network's input; auto: grey if all pictures are")] = Colour.AUTO,
    colours: Annotated[
        ArrayOrder, typer.Option(help="Order in an .npz; auto: its `order`, or RGB for x_train, else BGR")
    ] = ArrayOrder.AUTO,
    mirror: Annotated[
        bool | None,
        typer.Option(
            "--mirror/--no-mirror",
            help="Mirror pictures while training; default: those in colour or of faces",
            show_default=False,
        ),
    ] = None,
    crop: Annotated[
        CropName, typer.Option(help="How the training pictures' faces were cut out; none: whole pictures")
    ] = CropName.NONE,
    start: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, help="age-gender: training.pt of an emotion training, for a second net"
        ),
    ] = None,
    bits: Annotated[Bits, typer.Option(help="Weight bits; auto: 8 if accuracy stays within half a point")] = Bits.AUTO,
    patience: Annotated[int, typer.Option(min=0, help="Stop after this many epochs without gain; 0: never")] = 0,
    device: Annotated[Device, typer.Option(help="Where to train")] = Device.AUTO,
    seed: Annotated[int, typer.Option(help="Random seed: the same seed gives the same model")] = 7,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads")] = 2,
    minutes: Annotated[
        float, typer.Option(min=0, help="Stop after this many; the same command resumes", show_default=False)
    ] = math.inf,
) -> None:
    """Train a classifier on labelled pictures. If stopped or killed, the same command resumes where it was."""
    missing = [one for one in NEEDED if importlib.util.find_spec(one) is None]
    if missing:
        _end(CURE.format(missing=" and ".join(missing)), FAILED)
    _refuse(task, start, [word for word, said in _only_classes(net, size, val, labels, attribute, crop) if said])
    emotion = task is TaskName.EMOTION
    progress = Progress(Console())
    order = Order(
        task=task.value,  # type: ignore[arg-type]
        source=Source(
            data=data,
            held_out=val,
            listing=labels,
            attribute=attribute.strip() or ("emotion" if emotion else "class"),
            order=colours.taken,
        ),
        out=out,
        name=name or data.resolve().stem,
        net=net or (NetName.FACE_NET if emotion else NetName.RESNET),
        size=size,
        epochs=epochs,
        colour="grey" if emotion and colour is Colour.AUTO else colour.value,  # type: ignore[arg-type]
        crop="fer" if emotion and crop is CropName.NONE else crop.value,
        mirror=mirror,
        bits=bits.value,  # type: ignore[arg-type]
        patience=patience,
        device=device.value,  # type: ignore[arg-type]
        seed=seed,
        threads=threads,
        minutes=minutes,
        start=start,
    )
    path = _done(order, progress)
    progress.line(f"model: {path}")
    progress.line(f"card:  {path.with_suffix('.md')}")


def _only_classes(*said: object) -> list[tuple[str, bool]]:
    """Options that age-gender has no use for: its data says all, and its recipe the rest."""
    words = ("--net", "--size", "--val", "--labels", "--attribute", "--crop")
    return [(word, bool(value) and value is not CropName.NONE) for word, value in zip(words, said, strict=True)]


def _refuse(task: TaskName, start: Path | None, extra: list[str]) -> None:
    if task is TaskName.AGE_GENDER and extra:
        _end(f"--task age-gender has its own nets, crop and held-out faces: leave {', '.join(extra)} out", WRONG)
    if task is not TaskName.AGE_GENDER and start is not None:
        _end("--start is for --task age-gender", WRONG)


def _done(order: Order, progress: Progress) -> Path:
    """Train; every error ends the command in words."""
    try:
        order.side  # noqa: B018
        _named(order.name)
        # Read once, when PyTorch is loaded: threads that wait awake take the cores from whatever else runs here.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        run = _runner(order.task)
        from framewire.models.training.loop.trainer import StoppedError
    except ValueError as error:
        _end(str(error), WRONG)
    except KeyboardInterrupt as stop:
        raise typer.Exit(INTERRUPTED + signal.SIGINT) from stop
    try:
        with alone_in(order.out):
            return run(order, progress)
    except StoppedError as stop:
        typer.echo(f"{stop}; the same command resumes from there", err=True)
        raise typer.Exit(INTERRUPTED + progress.stopped) from stop
    except KeyboardInterrupt as stop:
        typer.echo("stopped; the same command resumes from the last checkpoint", err=True)
        raise typer.Exit(INTERRUPTED + signal.SIGINT) from stop
    except (KeyError, ValueError, zipfile.BadZipFile) as error:
        _end(f"cannot train on {order.source.data}: {error.args[0] if error.args else error}", WRONG)
    except OSError as error:
        _end(f"{error.filename}: {error.strerror}" if error.filename else str(error), FAILED)
    except MemoryError:
        _end("the pictures do not fit into memory: take fewer, or a smaller --size", FAILED)
    except CannotLoadError as error:
        _end(str(error), FAILED)


def _named(name: str) -> None:
    """Raises ValueError for what is no file's name."""
    if not name.strip() or name.startswith(".") or "/" in name or "\0" in name:
        raise ValueError(f"--name {name!r} is not a valid file name; --out sets the folder")


def _runner(task: str) -> Callable[[Order, Progress], Path]:
    if task == TaskName.AGE_GENDER:
        from framewire.models.training.age_gender_training import train_age_gender

        return train_age_gender
    from framewire.models.training.own_training import train_own

    return train_own


def _end(words: str, code: int) -> NoReturn:
    typer.echo(f"error: {words}", err=True)
    raise typer.Exit(code)
