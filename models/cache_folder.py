"""Where what can be had again is kept: downloaded models, and engines that TensorRT has built."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """`framewire` in XDG_CACHE_HOME, or in ~/.cache."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "framewire"
