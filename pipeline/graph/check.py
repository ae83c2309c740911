"""Reads a pipeline file and checks all of it before any process starts."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import msgspec
from msgspec import Struct

from framewire.pipeline.document.config_error import ConfigError, ConfigGroupError, Place
from framewire.pipeline.document.yaml_text import Document, parse, parse_scalar
from framewire.pipeline.graph.keys import Name, PipelineKeys, StageKeys
from framewire.pipeline.graph.machines import deal_streams, machine_names, machines_of
from framewire.pipeline.graph.needs import needs_of, place_all, wrong_gpus, wrong_needs
from framewire.pipeline.graph.outputs import Input, Output, check_outputs
from framewire.pipeline.graph.path_template import PathTemplate
from framewire.pipeline.graph.plan import make_plan
from framewire.pipeline.graph.spec import (
    BatchSpec,
    PipelineSpec,
    StageSpec,
)
from framewire.pipeline.graph.streams import expand_streams, stream_path
from framewire.pipeline.graph.structure import (
    cycles,
    unmet_needs,
    unread,
    ways_around,
    wrong_inputs,
    wrong_machines,
    wrong_processes,
)
from framewire.pipeline.input_path import beside, inputs_of, lying_here
from framewire.pipeline.nearest import nearest
from framewire.pipeline.option import STDOUT, OptionError, check_values, options_of
from framewire.pipeline.registry import UnknownStageError, find_stage
from framewire.pipeline.stage import RESERVED_KEYS, Sink, Stage
from framewire.pipeline.user_modules import look_beside


def load_pipeline(
    path: Path,
    overrides: Sequence[str] = (),
    source: str | None = None,
    out: Path = Path("out"),
    environment: Mapping[str, str] | None = None,
    also_written: Mapping[str, Path | None] | None = None,
    text: str | None = None,
    engine: str | None = None,
) -> PipelineSpec:
    """Load and check a pipeline file.

    `overrides` are `STAGE.OPTION=VALUE`, `source` replaces the `source` option of the pipeline's sole source,
    `also_written` are files that options of the command name. What it names, and modules, are looked for in its folder
    first. A graph made in code is `text`, and `path` what it would be as a file. `engine` replaces that of the file.
    Raises ConfigError.
    """
    folder = path.resolve().parent
    _check_names(path, folder, out, [source or "", *overrides], also_written or {})
    _check_links(out)
    document = parse(_read(path) if text is None else text, str(path), environment)
    _check_top(document)
    for override in overrides:
        _override(document, override)
    if source is not None:
        _override_source(document, source)
    if engine is not None:
        document.override(("engine",), engine, f"--engine {engine}")
    place_all(document)
    machines = machine_names(document)
    copies = deal_streams(document, machines)
    expand_streams(document)
    look_beside(str(folder))
    return _Checker(document, folder, out, machines, copies).pipeline(path, also_written or {})


def _check_names(
    path: Path, folder: Path, out: Path, words: Sequence[str], also_written: Mapping[str, Path | None]
) -> None:
    """Names are bytes to the kernel, text to YAML, JSON and OpenCV. Raises ConfigError for one that is not UTF-8."""
    written = {f"{option} {file}": str(file) for option, file in also_written.items()}
    for what, name in {
        str(folder / path.name): str(folder / path.name),
        f"--out {out}": str(out.absolute()),
        **written,
        **{word: word for word in words},
    }.items():
        try:
            name.encode()
        except UnicodeEncodeError:
            place = Place(what.encode(errors="backslashreplace").decode())
            raise ConfigError(place, "this name is not UTF-8; rename it, or link to it by one that is") from None


def _check_links(out: Path) -> None:
    """Raises ConfigError for an output folder that is a link to itself."""
    try:
        out.resolve()
    except (OSError, RuntimeError) as error:
        raise ConfigError(Place(f"--out {out}"), "this is a link that leads to itself; name a folder") from error


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ConfigError(Place(str(path)), "no such file") from error
    except IsADirectoryError as error:
        raise ConfigError(Place(str(path)), "this is a folder; name a YAML file in it") from error
    except UnicodeDecodeError as error:
        raise ConfigError(Place(str(path)), "invalid YAML: not UTF-8 text") from error
    except OSError as error:
        raise ConfigError(Place(str(path)), f"cannot be read: {error.strerror}") from error


def _check_top(document: Document) -> None:
    if not isinstance(document.value, dict):
        raise ConfigError(document.place(), "a pipeline must be a mapping; put its stages under `stages:`")
    stages = document.value.get("stages", {})
    if not isinstance(stages, dict):
        raise ConfigError(document.place("stages"), "`stages` must be a mapping from stage names to their options")
    for name, keys in stages.items():
        if keys is None:
            stages[name] = {}
        elif not isinstance(keys, dict):
            raise ConfigError(document.place("stages", name), f"stage {name!r} needs a mapping of options")


def _override(document: Document, text: str) -> None:
    target, equals, value = text.partition("=")
    stage, *option = target.split(".")
    place = Place(f"--set {text}")
    stages: dict[str, Any] = document.value.get("stages") or {}
    if not (equals and stage and option and all(option)):
        raise ConfigError(place, "write it as STAGE.OPTION=VALUE")
    path: tuple[str, ...] = ("stages", stage)
    if stage not in stages:
        path = stream_path(document, stage) or path
    if stage not in stages and path == ("stages", stage):
        raise ConfigError(place, f"there is no stage {stage!r} in {document.file}{nearest(stage, list(stages))}")
    document.override((*path, *option), parse_scalar(value), str(place), value)


def _override_source(document: Document, source: str) -> None:
    stages: dict[str, Any] = document.value.get("stages") or {}
    sources = [name for name, keys in stages.items() if not keys.get("input")]
    if len(sources) != 1:
        raise ConfigError(
            Place("--source"),
            f"the pipeline has {len(sources)} sources; use --set STAGE.source=... for the one you mean",
        )
    document.override(("stages", sources[0], "source"), source, f"--source {source}")


class _Checker:
    """Checks one document. What is wrong with options and keys is gathered, so that all of it is told at once."""

    def __init__(
        self, document: Document, folder: Path, out: Path, machines: Mapping[str, str], copies: Mapping[str, str]
    ) -> None:
        self.copies = copies
        self.machines = machines
        self.document = document
        self.folder = folder
        self.out = out
        self.classes: dict[str, type[Stage[Any]]] = {}
        self.options: dict[str, Struct] = {}
        self.errors: list[ConfigError] = []

    def pipeline(self, path: Path, also_written: Mapping[str, Path | None]) -> PipelineSpec:
        top = {key: value for key, value in self.document.value.items() if key != "stages"}
        self.known_keys((), top, [*_names(PipelineKeys), "stages"])
        keys = cast(PipelineKeys, self.values((), PipelineKeys, top))
        stages = self.stages()
        self.errors += wrong_machines(self.document, stages, keys.engine)
        self.errors += wrong_needs(self.document, keys, any(stage.machine or stage.shared_by for stage in stages))
        self.tell_errors()
        written = self.check_outputs([stage for stage in stages if not stage.machine], path, also_written)
        used = [machine for stage in stages for machine in stage.shared_by or (stage.machine,)]
        away = tuple(dict.fromkeys(machine for machine in used if machine))
        spec = PipelineSpec(
            name=keys.name or path.stem,
            stages=stages,
            window=keys.window,
            ring_bytes=keys.ring_mb * 2**20,
            restarts=keys.restarts,
            max_failed=keys.max_failed,
            latency=keys.latency,
            durable=keys.durable,
            drain_s=keys.drain_s,
            folder=str(self.folder),
            file=str(path.absolute()),
            engine=keys.engine,
            machines=away,
            needs={machine: needs_of(self.machines[machine], keys.machines) for machine in away},
            lease_s=keys.lease_s,
            node_wait_s=keys.node_wait_s,
            links=keys.links,
            outputs=written,
            outputs_on={machine: self.outputs_on(machine, stages) for machine in away},
            prints=any(spec.kind == "sink" and STDOUT in spec.options.values() for spec in stages),
        )
        self.errors += wrong_gpus(self.document, spec, make_plan(spec))
        self.tell_errors()
        return spec

    def stages(self) -> tuple[StageSpec, ...]:
        named: dict[str, dict[str, Any]] = self.document.value.get("stages") or {}
        if not named:
            raise ConfigError(self.document.key_place("stages"), "the pipeline has no stages; put some under `stages:`")
        specs = tuple(spec for name, keys in named.items() if (spec := self.stage_or_errors(name, keys)) is not None)
        self.errors += wrong_inputs(self.document, specs)
        self.tell_errors()
        self.errors += cycles(self.document, specs)
        self.tell_errors()
        self.errors += unread(self.document, specs)
        self.errors += unmet_needs(self.document, specs, self.classes)
        self.errors += wrong_processes(self.document, specs)
        self.errors += ways_around(self.document, specs)
        self.tell_errors()
        return specs

    def tell_errors(self) -> None:
        """Raise what was gathered: ConfigError, ConfigGroupError."""
        if self.errors:
            ordered = sorted(self.errors, key=lambda error: (error.place.line, error.place.column))
            raise ordered[0] if len(ordered) == 1 else ConfigGroupError(ordered)

    def stage_or_errors(self, name: str, keys: dict[str, Any]) -> StageSpec | None:
        """The stage; None if there is an error beyond which nothing can be said of it."""
        try:
            return self.stage(name, keys)
        except ConfigError as error:
            self.errors.append(error)
            return None

    def stage(self, name: str, keys: dict[str, Any]) -> StageSpec:
        path = ("stages", name)
        try:
            msgspec.convert(name, Name)
        except msgspec.ValidationError as error:
            raise ConfigError(
                self.document.key_place(*path),
                f"{name!r} is not a stage name: use letters, digits, _ and -, a letter first",
            ) from error
        own = {key: value for key, value in keys.items() if key in RESERVED_KEYS}
        options = {key: value for key, value in keys.items() if key not in RESERVED_KEYS}
        engine = cast(StageKeys, self.values(path, StageKeys, own))
        cls = self.find(name, engine.use or name)
        self.classes[name] = cls
        self.known_keys(path, options, [*_names(cls.Options), *sorted(RESERVED_KEYS)])
        checked = self.options[name] = self.values(path, cls.Options, options)
        filled = msgspec.to_builtins(checked)
        # Command-line paths are relative to the current folder.
        from_file = {key: filled[key] for key in filled if not self.document.is_overridden(*path, key)}
        if engine.batch is not None and not cls.batches():
            raise ConfigError(
                self.document.key_place(*path, "batch"),
                f"{name!r} takes one frame at a time and has no batches; remove `batch`",
            )
        self.check_sink_keys(path, own, cls)
        machines = machines_of(self.document, path, engine, cls, self.machines)
        machine = machines[0]
        return StageSpec(
            name=name,
            use=engine.use or name,
            inputs=(engine.input,) if isinstance(engine.input, str) else tuple(engine.input),
            replicas=engine.replicas,
            process=engine.process,
            # What lies beside the file is not there on another machine.
            options=filled if machine else {**filled, **beside(cls.Options, from_file, self.folder)},
            # A source reads what is where it runs.
            inputs_at=lying_here(cls.Options, filled, from_file, self.folder)
            if machine and cls.kind() != "source"
            else {},
            machine=machine,
            shared_by=machines if len(machines) > 1 else (),
            near=engine.near,
            gpus=engine.gpus,
            unfolded_from=self.copies.get(name, ""),
            kind=cls.kind(),
            ordered=cls.ordered,
            batch=(engine.batch or BatchSpec(size=cls.batch_size(checked))) if cls.batches() else None,
            remembers=cls.remembers(),
            looks=cls.looks,
            hides=cls.hides,
            closing_s=cls.closing_s(checked) if issubclass(cls, Sink) else 0.0,
            lag=engine.lag,
            give_up_s=engine.give_up_s,
            stuck_after_s=engine.stuck_after_s,
        )

    def check_sink_keys(self, path: tuple[str, ...], own: Mapping[str, Any], cls: type[Stage[Any]]) -> None:
        for key in ("lag", "give_up_s"):
            if key in own and not issubclass(cls, Sink):
                raise ConfigError(self.document.key_place(*path, key), f"{path[-1]!r} is not a sink; remove `{key}`")
        if own.get("lag") == "skip" and not getattr(cls, "may_skip", False):
            place = self.document.place(*path, "lag")
            raise ConfigError(place, f"{cls.name} cannot leave frames out; remove `lag`, or set it to wait")

    def find(self, name: str, use: str) -> type[Stage[Any]]:
        try:
            return find_stage(use)
        except UnknownStageError as error:
            explicit = "use" in self.document.value["stages"][name]
            place = self.document.place("stages", name, "use") if explicit else self.document.key_place("stages", name)
            raise ConfigError(place, str(error)) from error

    def known_keys(self, path: tuple[str, ...], keys: Mapping[str, Any], known: list[str]) -> None:
        for key in keys:
            if key not in known:
                where = f"stage {path[-1]!r}" if path else "a pipeline"
                near = nearest(key, known) or f"; it has {', '.join(known)}"
                place = self.document.key_place(*path, key)
                self.errors.append(ConfigError(place, f"{where} has no option {key!r}{near}"))

    def values(self, path: tuple[str, ...], struct: type[Struct], keys: Mapping[str, Any]) -> Struct:
        """The values, with defaults in place of those that are wrong. Raises ConfigError if there are none for that."""
        left = {key: value for key, value in keys.items() if key in _names(struct)}
        while True:
            try:
                return check_values(struct, left)
            except OptionError as error:
                wrong = self.wrong_value(path, error)
                if not error.path or left.pop(str(error.path[0]), None) is None:
                    raise wrong from error
                self.errors.append(wrong)

    def wrong_value(self, path: tuple[str, ...], error: OptionError) -> ConfigError:
        full = (*path, *error.path)
        at_key = error.at_key or not error.path
        place = self.document.key_place(*full) if at_key else self.document.place(*full)
        text, written = str(error), self.document.written(*full)
        if written and text.endswith(("is not text", "is not text or list of text")):
            text = f'{text}; put it in quotes: "{written}"'
        return ConfigError(place, text)

    def check_outputs(
        self, specs: Sequence[StageSpec], config: Path, also_written: Mapping[str, Path | None]
    ) -> tuple[str, ...]:
        outputs = [
            Output(option, str(path.absolute()), str(path), Place(f"{option} {path}"), "give it another path")
            for option, path in also_written.items()
            if path is not None
        ]
        inputs = [Input("the run", str(config.resolve()), str(config))]
        named: list[Output] = []
        for spec in specs:
            cls, options = self.classes[spec.name], self.options[spec.name]
            paths = self.paths(spec)
            for name in [name for name, path in paths.items() if path == STDOUT and not getattr(cls, "may_print", 0)]:
                place = self.document.place("stages", spec.name, name)
                raise ConfigError(place, f"{spec.use} cannot write to standard output; name a file")
            named += [self.output(spec, path, name) for name, path in paths.items()]
            outputs += [self.output(spec, path, "path") for path in cls.outputs(options)]
            inputs += [
                Input(repr(spec.name), str(Path(name).absolute()), _short(name))
                for name in inputs_of(cls.Options, spec.options)
            ]
        check_outputs([*named, *outputs], inputs)
        files = [output.path for output in named if Path(output.path).name != STDOUT]
        return tuple(str(PathTemplate(path).name_for_all) for path in files)

    def paths(self, spec: StageSpec) -> dict[str, str]:
        """The options of a stage that name files to be written, and their values."""
        is_output = [option.name for option in options_of(self.classes[spec.name].Options) if option.is_output]
        return {name: str(spec.options[name]) for name in is_output if "." not in name}

    def outputs_on(self, machine: str, specs: Sequence[StageSpec]) -> tuple[str, ...]:
        """What is written on another machine: of its folders nothing is known here, but no two files may be one."""
        named = [
            Output(repr(spec.name), path, path, self.document.place("stages", spec.name, name))
            for spec in specs
            if spec.machine == machine
            for name, path in self.paths(spec).items()
        ]
        for output in named:
            if output.path == STDOUT:
                raise ConfigError(output.place, f"{output.owner} runs on {machine!r}, which has no standard output")
            one = next(other for other in named if other.path == output.path)
            if one.owner != output.owner:
                raise ConfigError(
                    output.place,
                    f"{output.owner} writes to {output.shown}, and so does {one.owner}; give each its own path",
                )
        return tuple(dict.fromkeys(output.path for output in named))

    def output(self, spec: StageSpec, path: str, option: str) -> Output:
        place = self.document.place("stages", spec.name, option)
        return Output(repr(spec.name), str((self.out / path).absolute()), path, place)


def _short(name: str) -> str:
    """The path as seen from the current folder, if it lies there."""
    path = Path(name)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else name


def _names(struct: type[Struct]) -> list[str]:
    return [field.name for field in msgspec.structs.fields(struct)]
