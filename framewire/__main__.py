"""`python -m framewire` is the command `framewire`."""

import sys
from pathlib import Path

# `python -m` puts the current folder first on sys.path, where a user's queue.py would hide the standard one.
if Path(sys.path[0]).resolve() == Path.cwd():
    del sys.path[0]

from framewire.pipeline.terminal.cli import main

main()
