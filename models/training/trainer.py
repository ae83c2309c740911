"""The training loop: resumable, with a moving average of weights, logged in plain lines."""

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

import torch
from msgspec import Struct
from torch import Tensor, nn

WARM_UP_EPOCHS = 3
"""The learning rate rises over these, so that early momentum does not diverge."""
EMA_DECAY = 0.999
"""Of the moving average of weights (Polyak): a memory of a thousand steps."""

HAS_BFLOAT16 = bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
"""Half the time of float32 where the processor has it, ten times as long where it has not."""

NetT = TypeVar("NetT", bound=nn.Module)
Tensors = tuple[Tensor, ...] | list[Tensor]


class Recipe(Struct, frozen=True, kw_only=True):
    """Settings of all epochs. `rate` is the highest learning rate, for SGD with Nesterov momentum."""

    epochs: int
    batch: int = 128
    rate: float = 0.08
    momentum: float = 0.9
    decay: float = 5e-4
    seed: int = 7
    threads: int = 2


class Task(Protocol):
    """What is learned: data, loss and metrics."""

    train_count: int

    def loss(self, net: nn.Module, chosen: Tensor, generator: torch.Generator) -> Tensor:
        """The loss on these training examples."""

    def measure(self, net: nn.Module) -> dict[str, float]:
        """Figures on held-out data; `best` is the one to select by, higher being better."""


class Trainer:
    """Trains one net for one task. Saves its state to `checkpoint` after every epoch, and resumes from it."""

    def __init__(self, net: nn.Module, task: Task, recipe: Recipe, checkpoint: Path) -> None:
        torch.manual_seed(recipe.seed)
        torch.set_num_threads(recipe.threads)
        self.net = net.to(memory_format=torch.channels_last)
        self.average = torch.optim.swa_utils.AveragedModel(net, multi_avg_fn=_follow, use_buffers=True)
        self.task = task
        self.recipe = recipe
        self.checkpoint = checkpoint
        self.optimizer = torch.optim.SGD(
            _groups(net, recipe.decay), lr=recipe.rate, momentum=recipe.momentum, nesterov=True
        )
        self.epoch = 0
        self.best: dict[str, float] = {}
        self.best_weights: dict[str, Tensor] = {}
        if checkpoint.exists():
            self._load()

    def run(self, tell: Callable[[str], None], minutes: float = math.inf) -> None:
        """Train to the last epoch, or until the time is up (checked between epochs)."""
        end = time.monotonic() + 60 * minutes
        while self.epoch < self.recipe.epochs and time.monotonic() < end:
            started = time.monotonic()
            loss = self._one_epoch()
            figures = self.task.measure(self.average.module)
            if figures["best"] > self.best.get("best", -math.inf):
                self.best = figures
                self.best_weights = {name: value.clone() for name, value in self.average.module.state_dict().items()}
            self.epoch += 1
            self._save()
            words = ", ".join(f"{name} {value:.4f}" for name, value in figures.items() if name != "best")
            seconds = time.monotonic() - started
            tell(f"epoch {self.epoch} of {self.recipe.epochs}: loss {loss:.4f}, {words} ({seconds:.0f} s)")

    def best_net(self) -> nn.Module:
        """The moving average at the epoch that measured best."""
        net = self.average.module
        net.load_state_dict(self.best_weights)
        return net.eval()

    def _one_epoch(self) -> float:
        generator = torch.Generator().manual_seed(self.recipe.seed * 10_007 + self.epoch)
        order = torch.randperm(self.task.train_count, generator=generator)
        steps = self.task.train_count // self.recipe.batch
        total = 0.0
        self.net.train()
        for step in range(steps):
            rate = learning_rate(self.recipe, self.epoch + step / steps)
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            chosen = order[step * self.recipe.batch : (step + 1) * self.recipe.batch]
            with torch.autocast("cpu", torch.bfloat16, enabled=HAS_BFLOAT16):
                loss = self.task.loss(self.net, chosen, generator)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self.optimizer.step()
            self.average.update_parameters(self.net)
            total += float(loss.detach())
        return total / steps

    def _save(self) -> None:
        self.checkpoint.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self.checkpoint.with_suffix(".unfinished")
        state = {
            "epoch": self.epoch,
            "net": self.net.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "best": self.best,
            "best_weights": self.best_weights,
        }
        torch.save(state, unfinished)
        unfinished.replace(self.checkpoint)

    def _load(self) -> None:
        state = torch.load(self.checkpoint, weights_only=True)
        self.epoch = state["epoch"]
        self.net.load_state_dict(state["net"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.best, self.best_weights = state["best"], state["best_weights"]


def best_of(net: NetT, checkpoint: Path) -> NetT:
    """The net with the best weights of a training run. Raises FileNotFoundError."""
    net.load_state_dict(torch.load(checkpoint, weights_only=True)["best_weights"])
    net.eval()
    return net


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
