"""The way in: sets what must be set before any library is loaded, then hands over to the commands."""

import os

ONE_THREAD = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")
"""Each stage has a process of its own; threads inside it would fight the other stages for the same cores.

The libraries read these once, when they are loaded. Whoever sets one keeps it.
"""


def main() -> None:
    """Run the command line of this process and exit with its code."""
    for name in ONE_THREAD:
        os.environ.setdefault(name, "1")
    from framewire.pipeline.terminal.commands import run_command_line

    run_command_line()
