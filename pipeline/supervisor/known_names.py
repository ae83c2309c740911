"""Refuses messages that decode but name nothing known here."""

from collections.abc import Container

from framewire.pipeline.graph.plan import Plan
from framewire.pipeline.ledger.ledger import Ledger
from framewire.pipeline.server import boot
from framewire.pipeline.wire.message import (
    Checkpoint,
    CutShort,
    LetGo,
    Look,
    Remark,
    ServerReady,
    Settle,
    StreamOpened,
    ToSupervisor,
)


def is_known(message: ToSupervisor, plan: Plan, ledger: Ledger, workers: Container[str], serving: bool) -> bool:
    """Whether the worker, stage, sink, stream or server that a message names, or is from, is in this run."""
    match message:
        case Settle() | Checkpoint():
            return ledger.concerns(message)
        case CutShort():
            return message.stage in plan.sinks_of
        case StreamOpened():
            return message.source in plan.sinks_of
        case LetGo():
            return serving and any(message.machine in process.machines for process in plan.processes)
        case ServerReady() | Look() | Remark(worker=boot.SERVER):
            return serving
        case _:
            return message.worker in workers
