"""Rounding batches up to a few sizes: a GPU plans its work again for every new size."""

import numpy as np
from numpy.typing import NDArray

SIZES = (1, 2, 4, 8, 16, 32, 64)
"""Doubling wastes at most half of a call, and a call costs a GPU little: seven plans serve all batches."""


def padded_size(count: int) -> int:
    """The size that a batch of `count` is rounded up to; beyond the largest, a multiple of it."""
    for size in SIZES:
        if count <= size:
            return size
    return -(-count // SIZES[-1]) * SIZES[-1]


def padded(batch: NDArray[np.float32]) -> NDArray[np.float32]:
    """The batch (n, ...) filled up with zero rows to its padded size; unchanged if it has that size."""
    size = padded_size(len(batch))
    if size == len(batch):
        return batch
    wider = np.zeros((size, *batch.shape[1:]), batch.dtype)
    wider[: len(batch)] = batch
    return wider
