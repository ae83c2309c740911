"""The Python API: `run` a pipeline, take its `frames` one by one, or `load` stages for single pictures.

docs/python.md has examples.
"""

from collections.abc import Mapping
from os import PathLike
from pathlib import Path as PurePath
from typing import Any

from framewire.pipeline.graph import load_pipeline
from framewire.pipeline.guest.feed import Feed
from framewire.pipeline.guest.frames import Frames
from framewire.pipeline.guest.order import IN_CODE, Order
from framewire.pipeline.guest.run_process import RunProcess
from framewire.pipeline.library.graph_in_code import Graph
from framewire.pipeline.library.one_graph import OneGraph
from framewire.pipeline.library.one_stage import OneStage
from framewire.pipeline.seen.summary import Summary
from framewire.pipeline.terminal.shipped import find_config

Path = str | PathLike[str]


def run(
    config: Path | Graph,
    *,
    source: str | Feed | None = None,
    set: Mapping[str, Any] | None = None,  # noqa: A002 - as on the command line
    out: Path = "out",
    http: str | None = None,
    resume: bool = False,
) -> Summary:
    """Run a pipeline to its end, as the command does, and return its summary.

    `config` is a YAML file, the name of a pipeline that comes with Framewire, or a Graph. `set` overrides options:
    {"faces.method": "dnn"}. `source` is an address, or a Feed. `http` is HOST:PORT for the live page, by default none.
    Several runs at once need a folder `out` each. KeyboardInterrupt finishes frames in flight and files first.

    Raises ConfigError for what is wrong with the file, RunError for a run that failed.

    Example:
        summary = framewire.run("faces.yaml", source="people.mp4", out="out")
        print(summary.frames.written)
    """
    feed = source if isinstance(source, Feed) else None
    process = RunProcess(_order(config, source, set, out, None, http, resume), None, feed)
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.interrupt()
        process.end()
        raise


def frames(
    config: Path | Graph,
    *,
    source: str | Feed | None = None,
    set: Mapping[str, Any] | None = None,  # noqa: A002 - as on the command line
    at: str = "",
    out: Path | None = None,
    http: str | None = None,
) -> Frames:
    """The frames of a pipeline as they leave stage `at`, in order; by default the stage that feeds all sinks.

    The pipeline runs in its own processes, at most a window ahead: a frame is settled when the next is asked for.
    Failed and dropped frames come too. Without `out` the pipeline's own sinks are left out, and nothing is written.
    Leaving the loop ends the run.

    Raises ConfigError, RunError; PictureInUseError for pictures that were kept without `.copy()`.

    Example:
        for frame in framewire.frames("faces.yaml", source="people.mp4"):
            print(frame.seq, len(frame.detections), frame.picture.shape)
    """
    feed = source if isinstance(source, Feed) else None
    return Frames(_order(config, source, set, out, at, http, False), feed)


def load(use: str, **options: Any) -> OneStage:
    """A stage in this process, for single pictures: `use` is its name in YAML, or module:Class.

    Raises UnknownStageError, OptionError; StageError for what it cannot open, such as a model.

    Example:
        detector = framewire.load("face_detect", method="dnn")
        for face in detector(cv2.imread("people.jpg")):
            print(face.box, face.score)
    """
    return OneStage(use, options)


def load_graph(
    config: Path | Graph,
    *,
    set: Mapping[str, Any] | None = None,  # noqa: A002 - as on the command line
) -> OneGraph:
    """The stages of a pipeline in this process, for single pictures; its source and sinks are left out.

    Raises ConfigError; StageError for what it cannot open.

    Example:
        look = framewire.load_graph("faces.yaml")
        frame = look(cv2.imread("people.jpg"))
        print(frame.detections)
    """
    words = _words(set)
    if not isinstance(config, Graph):
        return OneGraph(load_pipeline(find_config(PurePath(config)), words))
    return OneGraph(load_pipeline(config.folder / IN_CODE, words, text=config.to_yaml()))


def _words(overrides: Mapping[str, Any] | None) -> list[str]:
    return [f"{option}={_written(value)}" for option, value in (overrides or {}).items()]


def _order(
    config: Path | Graph,
    source: str | Feed | None,
    overrides: Mapping[str, Any] | None,
    out: Path | None,
    at: str | None,
    http: str | None,
    resume: bool,
) -> Order:
    words = _words(overrides)
    name, text = (str(config.folder), config.to_yaml()) if isinstance(config, Graph) else (str(config), None)
    feeds = isinstance(source, Feed)
    address = source if isinstance(source, str) else None
    return Order(name, text, address, words, None if out is None else str(out), at, http, resume, feeds)


def _written(value: Any) -> str:
    """A value as `--set` takes it."""
    import yaml

    if isinstance(value, str):
        try:
            is_plain = yaml.safe_load(value) == value
        except yaml.YAMLError:
            is_plain = False
        if is_plain:
            return value
    return yaml.safe_dump(value, default_flow_style=True, width=2**30).removesuffix("\n...\n").rstrip("\n")
