"""How many cores this run may use, so that threads do not outnumber them."""

import math
import os
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")
"""Where a container's own limits are (cgroup v2)."""


def usable_cores(cgroup: Path = CGROUP) -> int:
    """Cores that the scheduler gives this process, or fewer if a container has a lower CPU quota."""
    cores = len(os.sched_getaffinity(0))
    try:
        quota, period = (cgroup / "cpu.max").read_text().split()
        return max(1, min(cores, math.ceil(int(quota) / int(period))))
    except (OSError, ValueError, ZeroDivisionError):
        # No such file outside containers; `max` instead of a quota if there is no limit.
        return cores


def threads_each(cores: int, workers: int) -> int:
    """Threads for each worker, so that together they are no more than the cores; at least one."""
    return max(1, cores // max(1, workers))
