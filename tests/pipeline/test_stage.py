from typing import Any

import pytest
from msgspec import Struct

from framewire.pipeline.stage import Stage, stage


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
