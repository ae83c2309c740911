import pytest

from framewire.pipeline.graph import ConfigError, PipelineSpec, StageSpec, make_plan
from framewire.pipeline.guest.graft import with_feed, with_guest


def pipeline(*sinks: StageSpec) -> PipelineSpec:
    return PipelineSpec(
        name="p",
        stages=(
            StageSpec(name="a", use="x", kind="source"),
            StageSpec(name="b", use="x", inputs=("a",)),
            StageSpec(name="c", use="x", inputs=("b",)),
            StageSpec(name="d", use="x", inputs=("a",)),
            *sinks,
        ),
        outputs=("/out/file",),
    )


def sink(name: str, *inputs: str) -> StageSpec:
    return StageSpec(name=name, use="x", inputs=inputs, kind="sink", ordered=True)


def names(spec: PipelineSpec) -> list[str]:
    return [stage.name for stage in spec.stages]


def test_nothing_is_left_but_what_the_guest_needs() -> None:
    spec = with_guest(pipeline(sink("list", "c"), sink("film", "d")), "b", keeps_sinks=False)
    assert names(spec) == ["a", "b", "python"]
    assert (spec.outputs, spec.stage("python").inputs, spec.stage("python").is_guest) == ((), ("b",), True)
    assert make_plan(spec).sinks_of == {"a": ("python",)}


def test_with_its_sinks_it_is_one_more() -> None:
    spec = with_guest(pipeline(sink("list", "c"), sink("python", "d")), "c", keeps_sinks=True)
    assert names(spec) == ["a", "b", "c", "d", "list", "python", "python_"]
    assert spec.outputs == ("/out/file",)


def test_the_stage_that_feeds_all_sinks_is_meant() -> None:
    spec = with_guest(pipeline(sink("list", "c"), sink("film", "c")), "", keeps_sinks=False)
    assert spec.stage("python").inputs == ("c",)
    with pytest.raises(ConfigError, match="its sinks read c and d; choose from a, b, c, d"):
        with_guest(pipeline(sink("list", "c"), sink("film", "d")), "", keeps_sinks=False)
    with pytest.raises(ConfigError, match="it has no sink"):
        with_guest(pipeline(), "", keeps_sinks=False)


@pytest.mark.parametrize("at", ["nowhere", "list"])
def test_no_such_stage(at: str) -> None:
    with pytest.raises(ConfigError, match="there is no such stage"):
        with_guest(pipeline(sink("list", "c")), at, keeps_sinks=False)


def test_a_feed_takes_the_place_of_the_only_source() -> None:
    fed = with_feed(pipeline(sink("list", "c")))
    assert names(fed) == ["a", "b", "c", "d", "list"]
    assert (fed.stage("a").kind, fed.stage("a").is_guest) == ("source", True)
    two = PipelineSpec(name="p", stages=(*pipeline().stages, StageSpec(name="e", use="x", kind="source")))
    with pytest.raises(ConfigError, match="the pipeline has 2 sources"):
        with_feed(two)
