"""What crosses each link, by the plan alone."""

from framewire.pipeline.graph.spec import LinksSpec, PipelineSpec, StageSpec
from framewire.pipeline.graph.traffic import loads, stages_on

A_PICTURE_S = 1280 * 720 * 3 * 30
"""Bytes of 720p at 30 frames a second."""


def spec(*stages: StageSpec, pixels: str = "raw") -> PipelineSpec:
    machines = tuple(dict.fromkeys(stage.machine for stage in stages if stage.machine))
    links = LinksSpec(pixels=pixels)  # type: ignore[arg-type]
    return PipelineSpec(name="p", stages=stages, engine="agents", machines=machines, links=links)


def source(name: str = "door", machine: str = "") -> StageSpec:
    return StageSpec(name=name, use="capture", kind="source", machine=machine)


def stage(name: str, *inputs: str, machine: str = "", kind: str = "stage") -> StageSpec:
    return StageSpec(name=name, use="x", inputs=inputs, machine=machine, kind=kind)


def test_a_run_on_one_machine_has_neither() -> None:
    alone = spec(source(), stage("list", "door", kind="sink"))
    assert (stages_on(alone), loads(alone, {})) == ({}, [])


def test_a_picture_crosses_once_however_many_read_it_and_none_goes_back() -> None:
    split = spec(
        source(),
        stage("faces", "door", machine="gpu"),
        stage("eyes", "door", machine="gpu"),
        stage("list", "faces", "eyes", kind="sink"),
    )
    assert stages_on(split) == {"home": ["door", "list"], "gpu": ["faces", "eyes"]}
    assert [(one.link, one.bytes_s) for one in loads(split, {})] == [("home>gpu", A_PICTURE_S), ("gpu>home", 0.0)]


def test_the_sources_of_a_link_add_up_each_by_its_size() -> None:
    two = spec(source(), source("hall"), stage("faces", "door", "hall", machine="gpu", kind="sink"))
    (one,) = loads(two, {"hall": (640, 360)})
    assert one.bytes_s == A_PICTURE_S * 1.25
    assert one.text == "up to 104 MB/s at 30 frames a second (door, 1280x720 assumed; hall, 640x360)"
    assert not one.is_much
    (both,) = loads(two, {})
    assert both.is_much


def test_no_picture_crosses_to_a_machine_where_nobody_looks() -> None:
    blind = StageSpec(name="list", use="x", inputs=("door",), kind="sink", looks=False)
    one, other = source(machine="n"), source("hall", "n")
    (load,) = loads(spec(one, blind), {})
    assert (load.link, load.bytes_s, load.text) == ("n>home", 0.0, "no pictures, a kilobyte a frame or so")
    (both,) = loads(spec(one, other, blind, stage("video", "hall", kind="sink")), {})
    assert both.text == "up to 83 MB/s at 30 frames a second (hall, 1280x720 assumed)"


def test_jpeg_is_a_twenty_fifth_at_most() -> None:
    split = spec(source(), stage("faces", "door", machine="gpu", kind="sink"), pixels="jpeg")
    assert [one.bytes_s for one in loads(split, {})] == [A_PICTURE_S / 25]


def test_streams_dealt_out_cross_nothing() -> None:
    dealt = spec(
        *(source(name, machine) for name, machine in (("a", "n1"), ("b", "n2"))),
        *(stage(f"list-{name}", name, machine=machine, kind="sink") for name, machine in (("a", "n1"), ("b", "n2"))),
    )
    assert loads(dealt, {}) == []
    assert stages_on(dealt) == {"home": [], "n1": ["a", "list-a"], "n2": ["b", "list-b"]}
