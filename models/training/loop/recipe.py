"""How a network is trained: what stays the same in all epochs."""

from msgspec import Struct

from framewire.models.cannot_load import CannotLoadError


class OtherTrainingError(CannotLoadError):
    """A checkpoint is not of the training that is asked for."""


class Recipe(Struct, frozen=True, kw_only=True):
    """Settings of all epochs. `rate` is the highest learning rate, for SGD with Nesterov momentum."""

    epochs: int
    batch: int = 128
    rate: float = 0.08
    momentum: float = 0.9
    decay: float = 5e-4
    seed: int = 7
    threads: int = 2
