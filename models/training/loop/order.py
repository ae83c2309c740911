"""What is asked of a training."""

import math
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

    def mirrors(self, grey: bool) -> bool:
        """Whether pictures are mirrored: faces and things in colour look as likely either way, digits do not."""
        return self.mirror if self.mirror is not None else not grey or self.crop != "none"

    @property
    def command(self) -> str:
        """What trains the same again, without the paths of this machine."""
        words = [f"framewire train {self.source.data.name} --task {self.task}"]
        words += [f"--net {self.net} --size {self.side}"] if self.task != "age-gender" else []
        words.append(f"--seed {self.seed}")
        words += [f"--epochs {self.epochs}"] if self.epochs else []
        words += [f"--start {self.start.name}"] if self.start is not None else []
        words += [f"--val {self.source.held_out.name}"] if self.source.held_out is not None else []
        words += [f"--labels {self.source.listing.name}"] if self.source.listing is not None else []
        words += [f"--crop {self.crop}"] if self.crop != "none" and self.task == "classify" else []
        words += [] if self.mirror is None else ["--mirror" if self.mirror else "--no-mirror"]
        return " ".join(words)
