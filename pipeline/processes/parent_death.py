"""A process that ends with its parent, however that ends."""

import ctypes
import os

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def at_death_of(parent: int, number: int) -> None:
    """Get this signal when the parent dies: the thread of it that has started this process. A program keeps that.

    Ends this process at once if the parent is dead already.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:
        # The parent died before the signal was set up.
        os._exit(1)
