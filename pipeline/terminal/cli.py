"""The entry point: sets what must be set before any library is loaded, then runs the commands."""

import os

ONE_THREAD = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")
"""Each stage has its own process; threads inside it would compete with other stages for the same cores."""
FOR_LIBRARIES = {**dict.fromkeys(ONE_THREAD, "1"), "ORT_DISABLE_TELEMETRY": "1"}
"""Libraries read these once, when they are loaded. Values already set stay.

From 1.32 on, onnxruntime keeps a number for this machine in its user's cache, and tells Microsoft of its sessions.
"""


def main() -> None:
    """Run the command line of this process and exit with its code."""
    for name, value in FOR_LIBRARIES.items():
        os.environ.setdefault(name, value)
    from framewire.pipeline.processes.open_files import raise_limit
    from framewire.pipeline.processes.standard_streams import open_all

    open_all()
    raise_limit()
    from framewire.pipeline.terminal.commands import run_command_line

    run_command_line()
