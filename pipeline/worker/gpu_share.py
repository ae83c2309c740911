"""The GPUs that a worker gets: its share of those on its machine."""

import os
from collections.abc import MutableMapping

from framewire.pipeline.gpus import VISIBLE, TooFewGpusError, deal, visible_gpus
from framewire.pipeline.graph.needs import gpus_missing
from framewire.pipeline.graph.plan import Plan, Process
from framewire.pipeline.stage import StageError


def take_gpus(plan: Plan, process: Process, replica: int, environ: MutableMapping[str, str] = os.environ) -> None:
    """Let this process see its own GPUs only; it must not have used CUDA yet, which reads the variable once.

    Nobody hands them out: every worker deals them by the same plan, and so comes to the same answer, in each of its
    lives. Raises StageError if there are too few.
    """
    if not process.gpus:
        return
    machine = process.machine_of(replica)
    there = visible_gpus(environ)
    try:
        own = deal(plan.gpus_on(machine), there)[process.workers[replica]]
    except TooFewGpusError:
        raise StageError(gpus_missing(plan, machine, there)) from None
    environ[VISIBLE] = ",".join(own)
