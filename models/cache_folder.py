"""The cache for what can be fetched or rebuilt: downloaded models and TensorRT engines."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """`framewire` in XDG_CACHE_HOME, or in ~/.cache."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "framewire"
