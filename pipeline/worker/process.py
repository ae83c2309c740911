"""Entry point of a worker process: from the supervisor's Boot to a running Worker."""

import logging
import os
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import zmq
from msgspec import Struct
from setproctitle import setproctitle

from framewire.pipeline.cores import threads_each, usable_cores
from framewire.pipeline.frame.answer import plain_facts
from framewire.pipeline.graph.plan import Plan, Process, make_plan
from framewire.pipeline.graph.spec import PipelineSpec, StageSpec
from framewire.pipeline.input_path import placed
from framewire.pipeline.nodes.batch_node import BatchNode
from framewire.pipeline.nodes.node import MustBeReplacedError, StageNode
from framewire.pipeline.nodes.notes import Notes
from framewire.pipeline.nodes.sink_node import SinkNode
from framewire.pipeline.nodes.skipping_sink_node import SkippingSinkNode
from framewire.pipeline.nodes.source_node import SourceNode
from framewire.pipeline.nodes.stage_note import note_stage, noted_stage
from framewire.pipeline.option import check_values
from framewire.pipeline.processes.deadline import DeadlineAt, DeadlineReader
from framewire.pipeline.registry import find_stage
from framewire.pipeline.stage import Sink, Source, Stage, StageError
from framewire.pipeline.stage_context import StageContext
from framewire.pipeline.user_modules import look_beside
from framewire.pipeline.wire.inbox import Inbox, Outbox, Outboxes, Waker, new_endpoint
from framewire.pipeline.wire.message import Closed, Enough, Message, Ready, Wake, encode
from framewire.pipeline.worker.allocator import keep_freed_memory
from framewire.pipeline.worker.gpu_share import take_gpus
from framewire.pipeline.worker.teller import RemarkHandler, Teller, plain
from framewire.pipeline.worker.worker import Worker

REPLACE = os.EX_TEMPFAIL
"""Exit status of a worker that must be replaced."""
LAST_WORDS_MS = 2000
"""How long an exiting worker waits for its last messages to be sent."""


Make = Callable[[StageSpec, StageContext], Stage[Any]]


def _make(spec: StageSpec, context: StageContext) -> Stage[Any]:
    cls = find_stage(spec.use)
    return cls(check_values(cls.Options, spec.options), context)


class Boot(Struct, frozen=True, tag=True):
    """What a worker process gets at its start."""

    spec: PipelineSpec
    process: str
    replica: int
    incarnation: int
    supervisor: str
    out: str
    trace_every: int = 0
    run_resumed: bool = False
    chosen: dict[str, dict[str, str]] = {}
    run: str = ""
    deadline: DeadlineAt | None = None

    @property
    def continues(self) -> bool:
        """Whether another worker did this work before: one that died, or one of the run that is resumed."""
        return self.incarnation > 0 or self.run_resumed


def run_worker(boot: Boot) -> int:
    """Run a worker; returns the exit status: 0 after Exit, 1 after a reported Trouble, or REPLACE."""
    keep_freed_memory()
    boot = _without_working_directory(boot)
    plan = make_plan(boot.spec)
    process = next(process for process in plan.processes if process.name == boot.process)
    name = process.workers[boot.replica]
    setproctitle(f"framewire {boot.spec.name} {name}")
    look_beside(boot.spec.folder)
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    supervisor = Outbox(context, boot.supervisor, LAST_WORDS_MS)
    log = logging.getLogger("framewire")
    tell = Teller(supervisor, name)
    log.handlers = [RemarkHandler(tell)]
    log.propagate = False
    log.setLevel(logging.INFO)
    try:
        take_gpus(plan, process, boot.replica)
        return live(boot, plan, process, context, tell)
    except MustBeReplacedError as error:
        log.warning("%s; a new worker goes on from what is safe", error)
        return REPLACE
    except StageError as error:
        tell.trouble(noted_stage(error) or process.name, str(error))
        return 1
    except OSError as error:
        what = f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror or error)
        tell.trouble(noted_stage(error) or process.name, what)
        return 1
    except BaseException as error:
        # SystemExit and the like, in a stage's code, too.
        log.error("unexpected, please report it:\n%s", traceback.format_exc())
        tell.trouble(noted_stage(error) or process.name, f"{type(error).__name__}: {error}")
        return 1
    finally:
        supervisor.close()
        # Whatever sockets are still open: nothing may keep a process from its end.
        context.destroy(linger=0)


def _without_working_directory(boot: Boot) -> Boot:
    """With absolute paths: a stage that changes the working directory moves nobody's files."""
    spec = msgspec.structs.replace(boot.spec, folder=str(Path(boot.spec.folder).absolute()))
    return msgspec.structs.replace(boot, spec=spec, out=str(Path(boot.out).absolute()))


def live(
    boot: Boot,
    plan: Plan,
    process: Process,
    context: "zmq.Context[zmq.Socket[bytes]]",
    tell: Teller,
    make: Make = _make,
) -> int:
    """A worker's life, until the supervisor ends it. Raises what keeps it from going on."""
    name = process.workers[boot.replica]
    inbox = Inbox(context, new_endpoint(boot.spec.name, name))
    outboxes = Outboxes(context)
    notes = Notes()
    waker = Waker(context, inbox.endpoint, encode(Wake()))

    nodes: dict[str, StageNode] = {}
    sources: list[SourceNode] = []
    for stage_name in process.stages:
        try:
            node = _open_stage(boot, plan, stage_name, notes, tell, waker, make)
        except Exception as error:
            note_stage(error, stage_name)
            raise
        if isinstance(node, SourceNode):
            sources.append(node)
        else:
            nodes[stage_name] = node
    worker = Worker(
        plan,
        process,
        boot.replica,
        boot.incarnation,
        nodes,
        sources,
        inbox,
        outboxes,
        tell,
        boot.trace_every,
        boot.continues,
    )
    contexts = [*(node.context for node in nodes.values()), *(source.context for source in sources)]
    chosen = {context.name: plain_facts(context.chosen) for context in contexts}
    tell(Ready(name, boot.incarnation, os.getpid(), inbox.endpoint, notes.fd, chosen))
    worker.run()
    tell(Closed(name, boot.incarnation))
    waker.close()
    inbox.close()
    outboxes.close()
    return 0


def _placed(spec: StageSpec) -> StageSpec:
    """With the places that its input files have on this machine."""
    if not spec.inputs_at:
        return spec
    return msgspec.structs.replace(spec, options=placed(find_stage(spec.use).Options, spec.options, spec.inputs_at))


def _open_stage(
    boot: Boot,
    plan: Plan,
    name: str,
    notes: Notes,
    tell: Callable[[Message], None],
    wake: Callable[[], None],
    make: Make,
) -> StageNode | SourceNode:
    spec = _placed(boot.spec.stage(name))
    threads = threads_each(usable_cores(), plan.workers_on(plan.process_of(name).machine_of(boot.replica)))
    context = StageContext(
        name,
        Path(boot.out),
        resumed=boot.continues,
        folder=boot.spec.folder,
        threads=threads,
        use=spec.use,
        run_resumed=boot.run_resumed,
        chosen=boot.chosen.get(name, {}),
        to_disk=boot.spec.durable == "disk",
        run=boot.run,
        pipeline=boot.spec.name,
        file=boot.spec.file,
        given=spec.given,
        files=spec.files,
    )
    context.wake = wake
    context.enough = lambda why: tell(Enough(plan.process_of(name).workers[boot.replica], name, plain(why)))
    stage = make(spec, context)
    if isinstance(stage, Source):
        stage.wake = wake
    stage.open()
    if isinstance(stage, Source):
        target_s = boot.spec.latency.target_ms / 1000 if boot.spec.latency else None
        return SourceNode(stage, context, boot.spec.window, boot.spec.ring_bytes, notes, tell, target_s)
    if isinstance(stage, Sink):
        node = SkippingSinkNode if spec.lag == "skip" else SinkNode
        sink = node(spec, stage, context, plan, notes, boot.incarnation)
        sink.is_lease_over = DeadlineReader(boot.deadline).is_over
        return sink
    if spec.batch is not None:
        return BatchNode(spec, stage, context, plan, notes)
    return StageNode(spec, stage, context, plan, notes, boot.incarnation, tell)
