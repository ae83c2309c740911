"""Run a Framewire pipeline: `python run_pipeline.py configs/faces.yaml`; `--help` lists the rest."""

import sys
from pathlib import Path

# Python puts this file's folder first on sys.path, where its `models` would hide a user's own.
if Path(sys.path[0]).resolve() == Path(__file__).resolve().parent:
    del sys.path[0]

try:
    from framewire.pipeline.terminal.cli import main
except ModuleNotFoundError as error:
    if error.name != "framewire":
        raise
    sys.exit("error: Framewire is not installed for this Python; from this folder: pip install -e '.[cpu,demo]'")

if __name__ == "__main__":
    main()
