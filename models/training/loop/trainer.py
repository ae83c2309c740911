"""The training loop: resumable within an epoch, with a moving average of weights."""

import math
import time
from pathlib import Path
from typing import Any, Protocol

import torch
from msgspec import Struct
from torch import Tensor, nn

from framewire.models.training.loop.recipe import OtherTrainingError, Recipe

WARM_UP_EPOCHS = 3
"""The learning rate rises over these, so that early momentum does not diverge."""
EMA_DECAY = 0.999
"""Of the moving average of weights (Polyak): a memory of a thousand steps."""
SAVED_EVERY = 20.0
"""Seconds between checkpoints within an epoch: as much as a killed run loses."""

HAS_BFLOAT16 = bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
"""Half the time of float32 where the processor has it, ten times as long where it has not."""

Tensors = tuple[Tensor, ...] | list[Tensor]


class StoppedError(Exception):
    """The training was stopped; its checkpoint says where."""


class Measured(Struct, frozen=True, kw_only=True):
    """How well an epoch did on the pictures that choose it: the one with the highest `best`."""

    best: float
    doubt: float = 0.0
    """Of epochs that are equally good, the one with the lowest is taken."""
    shown: dict[str, float] = {}
    """Figures for people, by name."""

    @property
    def rank(self) -> tuple[float, float]:
        """The greater, the better."""
        return self.best, -self.doubt


class Task(Protocol):
    """What is learned: data, loss and metrics. `loss` and `measure` put pictures on the network's device."""

    train_count: int

    def loss(self, net: nn.Module, chosen: Tensor, generator: torch.Generator) -> Tensor:
        """The loss on these training examples."""

    def measure(self, net: nn.Module) -> Measured:
        """On the pictures that choose the epoch."""


class Progress(Protocol):
    """Told of each step and epoch; `stopped` is not 0 once the training shall stop."""

    @property
    def stopped(self) -> int:
        """Asked after each step."""

    def line(self, text: str) -> None:
        """One line for each epoch."""

    def step(self, epoch: int, step: int, steps: int) -> None:
        """So many of the epoch's steps are done."""


class _Place(Struct):
    """Where in an epoch the training is."""

    step: int = 0
    total: float = 0.0
    generator: Tensor | None = None


class Trainer:
    """Trains one net for one task. Saves its state to `checkpoint`, and resumes from it, to the same end.

    `key` says what is trained on what: a checkpoint of something else is refused. `patience` is how many epochs
    without a higher `best` end the training, 0 for none.
    """

    def __init__(
        self,
        net: nn.Module,
        task: Task,
        recipe: Recipe,
        checkpoint: Path,
        key: dict[str, str] | None = None,
        patience: int = 0,
        device: str = "cpu",
    ) -> None:
        """Raises OtherTrainingError, OSError."""
        torch.manual_seed(recipe.seed)
        torch.set_num_threads(recipe.threads)
        self.device = device
        self.net = net.to(device=device, memory_format=torch.channels_last)
        self.average = torch.optim.swa_utils.AveragedModel(net, multi_avg_fn=_follow, use_buffers=True)
        self.task = task
        self.recipe = recipe
        self.checkpoint = checkpoint
        self.key = key or {}
        self.patience = patience
        self.optimizer = torch.optim.SGD(
            _groups(net, recipe.decay), lr=recipe.rate, momentum=recipe.momentum, nesterov=True
        )
        self.epoch = 0
        self.best_rank: tuple[float, float] = (-math.inf, -math.inf)
        self.best_epoch = 0
        self.gained_epoch = 0
        self.best_weights: dict[str, Tensor] = {}
        self.resumed = checkpoint.exists()
        self._place = _Place()
        self._saved = time.monotonic()
        if self.resumed:
            self._load()

    @property
    def finished(self) -> bool:
        """Whether all epochs are done, or no better figure has come for long enough."""
        tired = 0 < self.patience <= self.epoch - self.gained_epoch and self.epoch > WARM_UP_EPOCHS
        return self.epoch >= self.recipe.epochs or tired

    def run(self, progress: Progress, minutes: float = math.inf) -> None:
        """Train until finished, or until the time is up (checked between epochs). Raises StoppedError."""
        end = time.monotonic() + 60 * minutes
        while not self.finished and time.monotonic() < end:
            started = time.monotonic()
            loss = self._one_epoch(progress)
            measured = self.task.measure(self.average.module)
            self.epoch += 1
            if measured.best > self.best_rank[0]:
                self.gained_epoch = self.epoch
            if measured.rank >= self.best_rank:
                # Of equal epochs the later: its rate was lower.
                self.best_rank, self.best_epoch = measured.rank, self.epoch
                self.best_weights = {name: value.clone() for name, value in self.average.module.state_dict().items()}
            self._place = _Place()
            self._save()
            words = ", ".join(f"{name} {value:.4f}" for name, value in {"loss": loss, **measured.shown}.items())
            seconds = time.monotonic() - started
            progress.line(f"epoch {self.epoch} of {self.recipe.epochs}: {words} ({seconds:.0f} s)")

    def best_net(self) -> nn.Module:
        """The moving average at the epoch that measured best, on the CPU."""
        net = self.average.module
        net.load_state_dict(self.best_weights)
        return net.cpu().eval()

    def _one_epoch(self, progress: Progress) -> float:
        generator = torch.Generator().manual_seed(self.recipe.seed * 10_007 + self.epoch)
        order = torch.randperm(self.task.train_count, generator=generator)
        batch = min(self.recipe.batch, self.task.train_count)
        steps = self.task.train_count // batch
        place = self._place
        if place.generator is not None:
            generator.set_state(place.generator)
        self.net.train()
        while place.step < steps:
            rate = learning_rate(self.recipe, self.epoch + place.step / steps)
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            chosen = order[place.step * batch : (place.step + 1) * batch]
            with torch.autocast("cpu", torch.bfloat16, enabled=HAS_BFLOAT16 and self.device == "cpu"):
                loss = self.task.loss(self.net, chosen, generator)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self.optimizer.step()
            self.average.update_parameters(self.net)
            place.total += float(loss.detach())
            place.step += 1
            progress.step(self.epoch, place.step, steps)
            self._between_steps(progress, generator)
        return place.total / steps

    def _between_steps(self, progress: Progress, generator: torch.Generator) -> None:
        if progress.stopped or time.monotonic() - self._saved > SAVED_EVERY:
            self._place.generator = generator.get_state()
            self._save()
        if progress.stopped:
            raise StoppedError(f"stopped in epoch {self.epoch + 1} of {self.recipe.epochs}")

    def _save(self) -> None:
        self.checkpoint.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self.checkpoint.with_suffix(".unfinished")
        state = {
            "key": self.key,
            "epoch": self.epoch,
            "step": self._place.step,
            "total": self._place.total,
            "generator": self._place.generator,
            "random": torch.get_rng_state(),
            # Dropout draws on the GPU.
            "random_there": torch.cuda.get_rng_state() if self.device == "cuda" else None,
            "net": self.net.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "best_rank": self.best_rank,
            "best_epoch": self.best_epoch,
            "gained_epoch": self.gained_epoch,
            "best_weights": self.best_weights,
        }
        try:
            torch.save(state, unfinished)
        except RuntimeError as error:
            # A full disk, in PyTorch's own words; the checkpoint before is whole.
            unfinished.unlink(missing_ok=True)
            raise OSError(f"{self.checkpoint} cannot be written: is the disk full?") from error
        unfinished.replace(self.checkpoint)
        self._saved = time.monotonic()

    def _load(self) -> None:
        state = _state(self.checkpoint, "cpu")
        _refuse_other(state["key"], self.key, self.checkpoint)
        self.epoch = state["epoch"]
        self.net.load_state_dict(state["net"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.best_rank, self.best_epoch = state["best_rank"], state["best_epoch"]
        self.best_weights, self.gained_epoch = state["best_weights"], state["gained_epoch"]
        self._place = _Place(state["step"], state["total"], state["generator"])
        torch.set_rng_state(state["random"])
        if self.device == "cuda" and state.get("random_there") is not None:
            torch.cuda.set_rng_state(state["random_there"])


def key_and_best(checkpoint: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """What a training is of, and its best weights so far. Raises OSError, OtherTrainingError."""
    state = _state(checkpoint, "cpu")
    return state["key"], state["best_weights"]


def _state(checkpoint: Path, device: str) -> dict[str, Any]:
    try:
        state = torch.load(checkpoint, weights_only=True, map_location=device)
        if "key" in state and "best_rank" in state:
            return dict(state)
    except (RuntimeError, EOFError, ValueError, TypeError) as error:
        raise OtherTrainingError(f"{checkpoint} cannot be read; delete it to start anew") from error
    raise OtherTrainingError(f"{checkpoint} is from an older Framewire; delete it to start over")


def _refuse_other(there: dict[str, str], wanted: dict[str, str], checkpoint: Path) -> None:
    differ = [name for name in wanted if there.get(name) != wanted[name]]
    if differ:
        words = ", ".join(f"{name} {there.get(name, 'unknown')}, not {wanted[name]}" for name in differ)
        raise OtherTrainingError(
            f"{checkpoint} is from another training ({words}): name another --out, or delete it to start over"
        )


def _follow(averages: Tensors, values: Tensors, count: Tensor | int) -> None:
    """Move the averages towards the values: quickly at first, to forget the initial weights."""
    decay = min(EMA_DECAY, (1 + int(count)) / (10 + int(count)))
    for average, value in zip(averages, values, strict=True):
        if average.is_floating_point():
            average.lerp_(value, 1 - decay)
        else:
            average.copy_(value)


def learning_rate(recipe: Recipe, epoch: float) -> float:
    """Warm-up, then half a cosine down to zero (Loshchilov and Hutter, 2017)."""
    if epoch < WARM_UP_EPOCHS:
        return recipe.rate * (epoch + 0.1) / (WARM_UP_EPOCHS + 0.1)
    share = (epoch - WARM_UP_EPOCHS) / max(1, recipe.epochs - WARM_UP_EPOCHS)
    return recipe.rate * 0.5 * (1 + math.cos(math.pi * min(1.0, share)))


def _groups(net: nn.Module, decay: float) -> list[dict[str, object]]:
    """Weight decay for weights, none for norms and biases."""
    heavy = [value for value in net.parameters() if value.ndim > 1]
    light = [value for value in net.parameters() if value.ndim <= 1]
    return [{"params": heavy, "weight_decay": decay}, {"params": light, "weight_decay": 0.0}]
