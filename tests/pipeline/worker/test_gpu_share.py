"""All workers of a machine come to the same division of its GPUs, each by itself."""

import pytest

from framewire.pipeline.graph import PipelineSpec, Plan, StageSpec, make_plan
from framewire.pipeline.stage import StageError
from framewire.pipeline.worker.gpu_share import take_gpus


def plan_of(*stages: StageSpec) -> Plan:
    source = StageSpec(name="camera", use="capture", kind="source")
    return make_plan(PipelineSpec(name="p", stages=(source, *stages)))


def stage(name: str, replicas: int = 1, gpus: float = 0.0, *machines: str, process: str = "") -> StageSpec:
    return StageSpec(
        name=name,
        use="x",
        inputs=("camera",),
        replicas=replicas,
        gpus=gpus,
        machine=machines[0] if machines else "",
        shared_by=machines if len(machines) > 1 else (),
        process=process,
    )


def taken(plan: Plan, name: str, visible: str) -> list[str]:
    """What each worker of a stage sees."""
    process = plan.process_of(name)
    found = []
    for replica in range(process.replicas):
        environ = {"CUDA_VISIBLE_DEVICES": visible}
        take_gpus(plan, process, replica, environ)
        found.append(environ["CUDA_VISIBLE_DEVICES"])
    return found


def test_replicas_and_stages_of_a_machine_share_its_gpus() -> None:
    plan = plan_of(stage("faces", 4, 0.5), stage("eyes", 1, 1), stage("list"))
    assert taken(plan, "faces", "3,5,6") == ["5", "6", "5", "6"]
    assert taken(plan, "eyes", "3,5,6") == ["3"]
    assert taken(plan, "list", "3,5,6") == ["3,5,6"]


def test_machines_have_their_own() -> None:
    plan = plan_of(stage("faces", 4, 0.5, "a", "b"), stage("eyes", 1, 0.5))
    assert taken(plan, "faces", "0") == ["0"] * 4
    assert taken(plan, "eyes", "1,0") == ["1"]


def test_stages_of_a_process_have_the_sum() -> None:
    plan = plan_of(stage("faces", 2, 0.7, process="p"), stage("eyes", 2, 0.3, process="p"))
    assert taken(plan, "eyes", "0,1") == ["0", "1"]


@pytest.mark.parametrize(
    ("visible", "has"),
    [("0", "has 1 GPU (0);"), ("", "has no GPU that CUDA_VISIBLE_DEVICES or NVIDIA's library (extra `gpu`) names;")],
)
def test_too_few_are_told_by_machine_stage_and_number(visible: str, has: str) -> None:
    plan = plan_of(stage("faces", 3, 0.5, "n1"), stage("eyes", 1, 0.25))
    with pytest.raises(StageError) as error:
        taken(plan, "faces", visible)
    assert str(error.value).startswith(f"n1 needs 2 GPUs (faces 3 x 0.5), and {has}")
