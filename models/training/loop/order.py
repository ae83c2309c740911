"""What is asked of a training."""

import math
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from msgspec import Struct

from framewire.models.crops.face_crop import FER_CROP, UTKFACE_CROP, BoxCrop, SquareCrop
from framewire.models.datasets.examples import Source
from framewire.models.training.nets.known_nets import KNOWN_NETS, NetName

TaskName = Literal["classify", "emotion", "age-gender"]
EMOTION_EPOCHS = 90
"""People agree on about 65 % of such labels: it takes long to learn what they have in common."""
CROPS: dict[str, BoxCrop | SquareCrop | None] = {
    "none": None,
    "box": BoxCrop(),
    "fer": FER_CROP,
    "utkface": UTKFACE_CROP,
}
"""How a pipeline cuts faces out for the trained file: as the training pictures were."""


SIDED = ("left", "right", "leftward", "rightward", "leftwards", "rightwards")
LEAST_STEPS = 1000
"""Fewer leave a network half trained, however few pictures there are."""
EPOCHS_MAX = 120


class Order(Struct, frozen=True, kw_only=True):
    """Everything that `framewire train` was asked for; 0, None and `auto` leave it to the task, the net or the data."""

    task: TaskName = "classify"
    source: Source
    out: Path
    name: str
    net: NetName
    size: int
    epochs: int
    colour: Literal["auto", "grey", "bgr"] = "auto"
    crop: str = "none"
    mirror: bool | None = None
    bits: Literal["32", "8", "auto"] = "auto"
    patience: int = 0
    device: Literal["auto", "cpu", "cuda"] = "auto"
    seed: int = 7
    threads: int = 2
    minutes: float = math.inf
    start: Path | None = None
    """Of age-gender: the checkpoint of an emotion training, from which a second net starts."""

    @property
    def side(self) -> int:
        """Of the input in pixels. Raises ValueError if the net needs more."""
        known = KNOWN_NETS[self.net]
        if self.size and self.size < known.least:
            raise ValueError(f"{self.net} needs pictures of at least {known.least} pixels: --size {known.least}")
        return self.size or known.size

    def epochs_of(self, steps: int) -> int:
        """How many epochs, of so many steps each: as asked, or as the net needs, and more of few pictures."""
        known = EMOTION_EPOCHS if self.task == "emotion" else KNOWN_NETS[self.net].epochs
        return self.epochs or max(known, min(EPOCHS_MAX, math.ceil(LEAST_STEPS / steps)))

    @property
    def checkpoint(self) -> Path:
        """Where the training is kept while it goes on."""
        return self.out / "training.pt"

    @property
    def model(self) -> Path:
        """The file that is the result."""
        return self.out / f"{self.name}.onnx"

    def mirrors(self, grey: bool, labels: Sequence[str] = ()) -> bool:
        """Whether pictures are mirrored: faces and things in colour look as likely either way.

        Digits do not, and what is called left or right would be called wrong.
        """
        if self.mirror is not None:
            return self.mirror
        sided = any(word in SIDED for label in labels for word in re.split(r"[^a-z]+", label.lower()))
        return not sided and (not grey or self.crop != "none")

    @property
    def command(self) -> str:
        """What trains the same again, without the paths of this machine."""
        source, classes = self.source, self.task != "age-gender"
        words = ["framewire", "train", source.data.name, "--task", self.task]
        words += ["--net", str(self.net), "--size", str(self.side)] if classes else []
        words += ["--seed", str(self.seed)]
        words += ["--epochs", str(self.epochs)] if self.epochs else []
        words += ["--patience", str(self.patience)] if self.patience else []
        for option, path in (("--start", self.start), ("--val", source.held_out), ("--labels", source.listing)):
            words += [option, path.name] if path is not None else []
        words += ["--attribute", source.attribute] if classes and source.listing is None else []
        words += ["--colour", self.colour] if self.colour != "auto" else []
        words += ["--colours", source.order.lower()] if source.order else []
        words += ["--crop", self.crop] if self.crop != "none" else []
        words += [] if self.mirror is None else ["--mirror" if self.mirror else "--no-mirror"]
        return shlex.join(words)
