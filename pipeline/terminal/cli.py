"""The entry point: sets what must be set before any library is loaded, then runs the commands."""

import os

ONE_THREAD = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")
"""Each stage has its own process; threads inside it would compete with other stages for the same cores.

The libraries read these once, when they are loaded. Values already set stay.
"""


def main() -> None:
    """Run the command line of this process and exit with its code."""
    for name in ONE_THREAD:
        os.environ.setdefault(name, "1")
    from framewire.pipeline.processes.open_files import raise_limit
    from framewire.pipeline.processes.standard_streams import open_all

    open_all()
    raise_limit()
    from framewire.pipeline.terminal.commands import run_command_line

    run_command_line()
