"""`python -m framewire` is the command `framewire`."""

import sys
from pathlib import Path

# `python -m` puts the current folder first on sys.path, where a user's queue.py would replace the one that we need.
sys.path[:] = [entry for entry in sys.path if entry not in ("", str(Path.cwd()))]

from framewire.pipeline.terminal.cli import main  # noqa: E402

main()
