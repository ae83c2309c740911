"""What `check` does beyond the file itself: each stage is opened once, and closed, as a run would."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from msgspec import Struct

from framewire.pipeline.cores import threads_each, usable_cores
from framewire.pipeline.gpus import TooFewGpusError, deal, visible_gpus
from framewire.pipeline.graph import PipelineSpec, StageSpec
from framewire.pipeline.graph.needs import gpus_missing
from framewire.pipeline.graph.plan import make_plan
from framewire.pipeline.input_path import placed
from framewire.pipeline.option import check_values
from framewire.pipeline.privacy.address import without_secrets
from framewire.pipeline.registry import find_stage
from framewire.pipeline.stage import AbsentError, Source, StageError
from framewire.pipeline.stage_context import StageContext


class Finding(Struct, frozen=True):
    """What one stage had to say: `level` as in the logging module; an error keeps a run from starting."""

    stage: str
    level: int
    text: str


def try_out(spec: PipelineSpec, connect: bool) -> Iterator[Finding]:
    """Open and close the stages one by one; without `connect` nobody beyond this machine is asked."""
    plan = make_plan(spec)
    there = visible_gpus()
    try:
        deal(plan.gpus_on(""), there)
    except TooFewGpusError:
        first = next(one.name for one in spec.stages if one.gpus and "" in plan.process_of(one.name).machines)
        yield Finding(first, logging.ERROR, gpus_missing(plan, "", there))
    threads = threads_each(usable_cores(), plan.workers)
    with TemporaryDirectory() as folder:
        for stage in spec.stages:
            yield from _of_stage(stage, Path(folder, stage.name), spec.folder, threads, connect)


def _of_stage(spec: StageSpec, out: Path, folder: str, threads: int, connect: bool) -> Iterator[Finding]:
    cls = find_stage(spec.use)
    context = StageContext(spec.name, out, folder=folder, threads=threads, use=spec.use)
    with _log_of(context.log) as told:
        error = None
        try:
            out.mkdir()
            # What goes along to another machine is opened where it is here.
            options = placed(cls.Options, spec.options, spec.inputs_at)
            stage = cls(check_values(cls.Options, options), context)
            if isinstance(stage, Source):
                stage.wake = lambda: None
            text = stage.try_out(connect)
        except AbsentError as absent:
            error, text = logging.WARNING, str(absent)
        except StageError as wrong:
            error, text = logging.ERROR, str(wrong)
        except (Exception, SystemExit) as wrong:
            error, text = logging.ERROR, f"{type(wrong).__name__}: {wrong}"
        finally:
            context.close()
    facts = [f"{what} {how}" for what, how in context.facts.items()]
    for level, words in [*told, *((logging.INFO, fact) for fact in facts), (error or logging.INFO, text)]:
        if words:
            yield Finding(spec.name, level, without_secrets(words))


@contextmanager
def _log_of(log: logging.Logger) -> Iterator[list[tuple[int, str]]]:
    """Warnings that a stage logs meanwhile; all else it logs stands in its facts too."""
    told: list[tuple[int, str]] = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: told.append((record.levelno, record.getMessage()))  # type: ignore[method-assign]
    log.addHandler(handler)
    log.propagate = False
    try:
        yield told
    finally:
        log.removeHandler(handler)
        log.propagate = True
