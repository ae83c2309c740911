from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from framewire.pipeline.stage import AUTO, Stage, StageError, stage
from framewire.pipeline.stage_context import StageContext


class Remembers(Stage[None]):
    def memory(self, stream: str) -> bytes:
        return b""


class RemembersBoth(Remembers):
    ordered = True

    def remember(self, stream: str, memory: bytes) -> None:
        pass


class TakesTheEnginesKey(Stage[Any]):
    class Options(Struct):
        replicas: int = 1


class NoStruct(Stage[Any]):
    Options = dict


@pytest.mark.parametrize(
    ("cls", "message"),
    [
        (int, "must derive from Stage"),
        (NoStruct, "must be a msgspec Struct"),
        (TakesTheEnginesKey, "replicas are reserved"),
        (Remembers, "must be ordered and have `remember` too"),
    ],
)
def test_a_class_that_cannot_be_a_stage_is_refused(cls: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        stage("x")(cls)


def test_a_good_one_gets_its_name() -> None:
    assert stage("remembers")(RemembersBoth).name == "remembers"
    assert RemembersBoth.remembers()
    assert not Stage.remembers()


def make(choice: str, here: tuple[str, ...] = ("gpu", "cpu")) -> str:
    """What is chosen, of what is here; the best is first."""
    if choice != AUTO and choice not in here:
        raise StageError(f"no {choice} here")
    return here[0] if choice == AUTO else choice


def test_what_a_stage_has_chosen_stays_chosen() -> None:
    chosen: dict[str, str] = {}
    first = RemembersBoth(None, StageContext("x", Path(), chosen=chosen))
    assert first.as_chosen("device", AUTO, lambda choice: make(choice, ("cpu",)), str) == "cpu"
    assert chosen == {"device": "cpu"}
    second = RemembersBoth(None, StageContext("x", Path(), run_resumed=True, chosen=chosen))
    assert second.as_chosen("device", AUTO, make, str) == "cpu"


def test_what_was_chosen_and_is_gone_ends_a_resumed_run_and_no_other() -> None:
    resumed = RemembersBoth(None, StageContext("x", Path(), run_resumed=True, chosen={"device": "npu"}))
    with pytest.raises(StageError, match=r"had chosen device npu, which cannot be had now \(no npu here\)"):
        resumed.as_chosen("device", AUTO, make, str)
    replaced = RemembersBoth(None, StageContext("x", Path(), resumed=True, chosen={"device": "npu"}))
    assert replaced.as_chosen("device", AUTO, make, str) == "gpu"
    assert replaced.context.chosen == {"device": "gpu"}
