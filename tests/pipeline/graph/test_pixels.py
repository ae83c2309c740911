"""Pixels go only to machines where some stage looks at them before the packet is back where they are."""

import pytest

from framewire.pipeline.graph.plan import make_plan
from framewire.pipeline.graph.spec import PipelineSpec, StageSpec

Looking = dict[str, tuple[str, ...]]


def source(machine: str = "") -> StageSpec:
    return StageSpec(name="camera", use="capture", kind="source", machine=machine)


def stage(
    name: str, *inputs: str, on: str | tuple[str, ...] = "", looks: bool = True, process: str = "", near: str = "first"
) -> StageSpec:
    machines = (on,) if isinstance(on, str) else on
    return StageSpec(
        name=name,
        use="x",
        inputs=inputs,
        looks=looks,
        machine=machines[0],
        shared_by=machines if len(machines) > 1 else (),
        replicas=len(machines),
        process=process,
        near=near,  # type: ignore[arg-type]
    )


def blind(name: str, *inputs: str, on: str | tuple[str, ...] = "", process: str = "") -> StageSpec:
    return stage(name, *inputs, on=on, looks=False, process=process)


GRAPHS: dict[str, tuple[list[StageSpec], Looking]] = {
    "a list at home": (
        [source("n"), blind("list", "camera")],
        {"n>home": (), "home>n": ()},
    ),
    "a branch, of which one looks": (
        [source("n"), blind("list", "camera"), stage("video", "camera")],
        {"n>home": ("video",), "home>n": ()},
    ),
    "faces elsewhere, the list at home": (
        [source(), stage("faces", "camera", on="gpu"), blind("list", "faces")],
        {"home>gpu": ("faces",), "gpu>home": ()},
    ),
    "on its way through a machine where nobody looks, and back": (
        [source("n"), blind("count", "camera"), stage("video", "count", on="n")],
        {"n>home": (), "home>n": ("video",)},
    ),
    "one behind it looks, on the same machine": (
        [source("n"), blind("count", "camera"), stage("video", "count")],
        {"n>home": ("count",), "home>n": ()},
    ),
    "one behind it looks, in the same process": (
        [source("n"), blind("count", "camera", process="p"), stage("video", "count", process="p")],
        {"n>home": ("count",), "home>n": ()},
    ),
    "carried on to a third machine, where one looks": (
        [source("n"), blind("count", "camera", on="m"), stage("video", "count")],
        {"n>m": ("count",), "m>n": (), "m>home": ("video",), "home>m": ()},
    ),
    "and to a third, where nobody does, and back from there": (
        [source("n"), blind("a", "camera", on="m"), blind("b", "a"), stage("video", "b", on="n")],
        {"n>m": (), "m>n": (), "m>home": ("b",), "home>m": (), "home>n": ("video",), "n>home": ()},
    ),
    "a join that looks, behind a branch that does not": (
        [source("n"), blind("count", "camera"), stage("drawn", "camera", "count")],
        {"n>home": ("count", "drawn"), "home>n": ()},
    ),
    "a join that does not, behind a branch that looks": (
        [source("n"), stage("faces", "camera"), blind("list", "camera", "faces")],
        {"n>home": ("faces",), "home>n": ()},
    ),
    "replicas on two machines that look": (
        [source(), stage("faces", "camera", on=("a", "b")), blind("list", "faces")],
        {"home>a": ("faces",), "a>home": (), "home>b": ("faces",), "b>home": ()},
    ),
    "replicas on two machines that do not, and one behind them at either": (
        [source(), blind("count", "camera", on=("a", "b")), stage("faces", "count", on=("a", "b"))],
        {
            "home>a": ("count",),
            "a>home": (),
            "home>b": ("count",),
            "b>home": (),
            "a>b": ("faces",),
            "b>a": ("faces",),
        },
    ),
    "replicas that do not, at home and on another machine, and one behind them at home": (
        [source(), blind("count", "camera", on=("", "a")), stage("video", "count")],
        {"home>a": (), "a>home": ("video",)},
    ),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_who_gets_pixels_over_which_link(name: str) -> None:
    stages, expected = GRAPHS[name]
    machines = tuple(dict.fromkeys(one for each in stages for one in each.shared_by or (each.machine,) if one))
    plan = make_plan(PipelineSpec(name="p", stages=tuple(stages), engine="agents", machines=machines))
    assert {one.name: one.looking for one in plan.processes if one.towards is not None} == expected


def test_a_long_graph_over_many_machines_takes_no_time() -> None:
    """Ways through it are without number; what is asked of each place is asked once."""
    many = tuple(f"m{number}" for number in range(12))
    chain = [blind(f"s{number}", f"s{number - 1}" if number else "camera", on=many) for number in range(20)]
    stages = (source(), *chain, stage("video", "s19"))
    plan = make_plan(PipelineSpec(name="p", stages=stages, engine="agents", machines=many))
    porter = plan.porter("m1", "m2")
    assert porter is not None
    assert porter.looking == tuple(f"s{number}" for number in range(1, 20))
