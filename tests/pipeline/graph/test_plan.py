from pathlib import Path

import pytest

from framewire.pipeline.graph import Plan, Routing, load_pipeline, make_plan

VALID = Path(__file__).resolve().parents[2] / "configs" / "valid"


def plan_of(name: str, *overrides: str) -> Plan:
    return make_plan(load_pipeline(VALID / f"{name}.yaml", overrides))


def routing(plan: Plan) -> dict[str, Routing]:
    return {f"{edge.producer}>{edge.consumer}": edge.routing for edge in plan.edges}


def test_stages_that_share_a_process_call_each_other() -> None:
    plan = plan_of("fused")
    assert [process.workers for process in plan.processes] == [["capture+faces+out#0"]]
    assert set(routing(plan).values()) == {Routing.LOCAL}


def test_replicas_ask_and_joins_with_replicas_go_by_number() -> None:
    assert routing(plan_of("diamond")) == {
        "capture>a": Routing.ONE,
        "capture>b": Routing.ONE,
        "a>ab": Routing.SEQ,
        "b>ab": Routing.SEQ,
        "a>c": Routing.ONE,
        "ab>all": Routing.SEQ,
        "c>all": Routing.SEQ,
        "capture>all": Routing.SEQ,
        "all>out": Routing.ONE,
    }
    assert routing(plan_of("two-sources-one-sink"))["left>faces"] is Routing.ASK


def test_workers_are_counted_with_their_replicas() -> None:
    assert plan_of("fused").workers == 1
    assert plan_of("diamond").workers == 4 + 2 + 3 + 1


def test_two_sources_meet_without_a_join() -> None:
    plan = plan_of("two-sources-one-sink")
    assert plan.sources_at["out"] == ("left", "right")
    assert plan.sinks_of == {"left": ("out",), "right": ("out",)}
    assert len(plan.join_edges("faces", "left")) == 1


def test_branches_of_one_source_meet_in_a_join() -> None:
    plan = plan_of("diamond")
    assert len(plan.join_edges("ab", "capture")) == 2
    assert len(plan.join_edges("all", "capture")) == 3


def test_no_process_of_that_stage() -> None:
    with pytest.raises(KeyError):
        plan_of("fused").process_of("nobody")
