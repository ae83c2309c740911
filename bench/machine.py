"""What a measurement was made on."""

import platform
from pathlib import Path

from msgspec import Struct

from framewire.pipeline.cores import usable_cores


class Machine(Struct, frozen=True):
    """Processor, cores that this process may use, Python."""

    processor: str
    cores: int
    python: str


def this_machine() -> Machine:
    """Describe this machine; no name, no address."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
    return Machine(model, usable_cores(), platform.python_version())
