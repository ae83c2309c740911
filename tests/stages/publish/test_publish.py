"""The stage alone: its options, its spool, places of one's own."""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from framewire.pipeline.flow.no_room import NoRoomError
from framewire.pipeline.frame.packet import Packet
from framewire.pipeline.option import OptionError
from framewire.pipeline.stage import StageError
from framewire.pipeline.testing import StageRunner
from framewire.stages.publish.places.place import Message, NotNowError, Place
from framewire.stages.publish.publish import Publish
from tests.system.running import wait_until

OWN = f"{__name__}:Shelf"
PICTURE = np.zeros((4, 4, 3), np.uint8)


class Shelf(Place):
    """Keeps messages in this process."""

    messages: ClassVar[list[Message]] = []
    raises: ClassVar[list[Exception]] = []
    refuses: ClassVar[set[int]] = set()
    is_down: ClassVar[bool] = False

    def send(self, messages: Sequence[Message]) -> Mapping[int, str]:
        if Shelf.is_down:
            raise ConnectionError("nobody is there")
        if Shelf.raises:
            error = Shelf.raises.pop(0)
            if isinstance(error, NotNowError):
                Shelf.messages += messages[: error.delivered]
            raise error
        refused = {number: "no such seq" for number, one in enumerate(messages) if one.seq in Shelf.refuses}
        Shelf.messages += [one for number, one in enumerate(messages) if number not in refused]
        return refused


@pytest.fixture(autouse=True)
def empty_shelf() -> None:
    Shelf.messages, Shelf.raises, Shelf.refuses, Shelf.is_down = [], [], set(), False


def publish(out: Path, count: int, **options: Any) -> StageRunner:
    runner = StageRunner(Publish, {"to": OWN, "flush_s": 20, **options}, out, "out")
    runner.context.run, runner.context.pipeline = "r", "p"
    with runner:
        for _ in range(count):
            runner.write(runner.packet(PICTURE))
    return runner


def test_each_message_is_the_documented_line_with_the_runs_id(tmp_path: Path) -> None:
    publish(tmp_path, 3)
    assert [(one.id, json.loads(one.body)["seq"], json.loads(one.body)["run"]) for one in Shelf.messages] == [
        (f"r/stream/{seq}", seq, "r") for seq in range(3)
    ]


def test_what_fails_comes_again_in_order_what_was_delivered_does_not(tmp_path: Path) -> None:
    Shelf.raises = [ConnectionError("gone"), NotNowError("busy", delivered=1), ValueError("odd")]
    publish(tmp_path, 5)
    assert [one.seq for one in Shelf.messages] == list(range(5))


def test_refused_messages_are_kept_with_the_reason(tmp_path: Path) -> None:
    Shelf.refuses = {1, 3}
    runner = publish(tmp_path, 5)
    assert [one.seq for one in Shelf.messages] == [0, 2, 4]
    kept = [json.loads(line) for line in (tmp_path / "out.refused.jsonl").read_text().splitlines()]
    assert [(line["why"], line["message"]["seq"]) for line in kept] == [("no such seq", 1), ("no such seq", 3)]
    account = runner.context.published
    assert account is not None
    assert (account.put, account.delivered, account.refused, account.waiting) == (5, 3, 2, 0)


def test_what_was_refused_before_a_place_went_away_is_kept_and_the_rest_comes_again(tmp_path: Path) -> None:
    Shelf.is_down = True
    with StageRunner(Publish, {"to": OWN, "flush_s": 20}, tmp_path, "out") as runner:
        for _ in range(5):
            runner.write(runner.packet(PICTURE))
        Shelf.raises = [NotNowError("busy", delivered=3, refused={1: "no such seq"})]
        Shelf.is_down = False
    assert [one.seq for one in Shelf.messages if one.seq != 1] == [0, 2, 3, 4]
    (kept,) = (tmp_path / "out.refused.jsonl").read_text().splitlines()
    assert json.loads(kept)["message"]["seq"] == 1
    account = runner.context.published
    assert account is not None
    assert (account.delivered, account.refused, account.waiting) == (4, 1, 0)


@pytest.mark.parametrize(
    "error",
    [
        NotNowError("x", delivered=-1),
        NotNowError("x", delivered=9),
        NotNowError("x", after_s=float("nan")),
        SystemExit(),
    ],
)
def test_no_slip_of_a_place_loses_a_message(error: BaseException, tmp_path: Path) -> None:
    Shelf.raises = [error]  # type: ignore[list-item]
    publish(tmp_path, 3)
    assert sorted({one.seq for one in Shelf.messages}) == [0, 1, 2]


def test_a_connection_that_breaks_while_nothing_is_sent_is_noticed(tmp_path: Path) -> None:
    opened: list[Place] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Shelf, "open", lambda self: opened.append(self))
        runner = StageRunner(Publish, {"to": OWN, "flush_s": 20}, tmp_path, "out")
        with runner:
            wait_until(lambda: bool(opened), "the place")
            opened[0].lost("the broker was restarted")
            wait_until(lambda: len(opened) == 2, "a new connection")
            # Of a place that is not ours any more, nobody hears.
            opened[0].lost("again")
            runner.write(runner.packet(PICTURE))
    assert len(opened) == 2
    assert [one.seq for one in Shelf.messages] == [0]


def test_a_place_that_does_not_open_is_closed_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[Place] = []

    def refuse(self: Shelf) -> None:
        raise ConnectionError("nobody is there; the password was hunter2")

    monkeypatch.setattr(Shelf, "open", refuse)
    monkeypatch.setattr(Shelf, "close", lambda self: closed.append(self))
    runner = publish(tmp_path, 1, flush_s=1.0, password="hunter2")
    assert len(closed) >= 2
    account = runner.context.published
    assert account is not None
    assert account.trouble == "ConnectionError: nobody is there; the password was ***"


@pytest.mark.parametrize("returned", [{7: "too far"}, {"0": "a word"}, {0: None}, [0], 1])
def test_what_a_place_returns_is_not_trusted(returned: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Shelf, "send", lambda self, messages: returned)
    runner = publish(tmp_path, 2, flush_s=0.2)
    account = runner.context.published
    assert account is not None
    assert (account.waiting, account.delivered) == (2, 0)
    assert "send must return {number: reason}" in account.trouble


def full(out: Path, full_means: str) -> StageRunner:
    Shelf.is_down = True
    options = {"to": OWN, "flush_s": 20, "full": full_means, "spool_mb": 1}
    runner = StageRunner(Publish, options, out, "out")
    runner.context.run = "r"
    return runner


def long_packet(runner: StageRunner) -> Packet:
    import msgspec

    return msgspec.structs.replace(runner.packet(PICTURE), file="x" * 200_000)


def test_a_full_spool_says_so_and_wakes_the_engine_when_there_is_room(tmp_path: Path) -> None:
    with full(tmp_path, "auto") as runner:
        woken: list[float] = []
        runner.context.wake = lambda: woken.append(time.monotonic())
        packet = long_packet(runner)
        with pytest.raises(NoRoomError, match="spool_mb"):
            while True:
                runner.stage.write(packet)  # type: ignore[attr-defined]
                packet = long_packet(runner)
        written = packet.seq
        assert written >= 5
        woken.clear()
        Shelf.is_down = False
        wait_until(lambda: bool(woken) and len(Shelf.messages) == written, "room")
        runner.stage.resume("stream", written)  # type: ignore[attr-defined]
        runner.stage.write(packet)  # type: ignore[attr-defined]
    assert [one.seq for one in Shelf.messages] == list(range(written + 1))


def test_the_oldest_go_if_that_is_asked_for_and_are_counted(tmp_path: Path) -> None:
    with full(tmp_path, "drop_oldest") as runner:
        for _ in range(20):
            runner.stage.write(long_packet(runner))  # type: ignore[attr-defined]
        Shelf.is_down = False
    account = runner.context.published
    assert account is not None
    assert account.dropped > 5
    assert account.delivered + account.dropped == account.put == 20
    assert [one.seq for one in Shelf.messages][-1] == 19


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"to": "mqt://x"}, "unknown scheme 'mqt'.*mqtt"),
        ({"to": "localhost"}, "'localhost' is not an address"),
        ({"to": "no_such_module:Place"}, "there is no module no_such_module"),
        ({"to": f"{__name__}:PICTURE"}, "is not a Place"),
        ({"to": "mqtt://"}, "names no host"),
        ({"to": "mqtt://user:pass/word@host"}, r"mqtt://\*\*\* cannot be read"),
        ({"to": "mqtt://host:port"}, "cannot be read"),
        ({"to": "mqtt://host", "table": "t"}, "mqtt has no `table`; it has `topic`"),
        ({"to": "mqtt://host", "topic": "a/{who}"}, "there is no {who}"),
        ({"to": "mqtt://host", "topic": "a/#"}, "must not"),
        ({"to": "mqtt://host", "settings": {"version": 7}}, "version"),
        ({"to": "postgresql://u:50%off@h/db"}, "cannot be read"),
        ({"to": "postgresql://u:p@w@h/db"}, "cannot be read"),
        ({"to": "https://host/x", "token": "s3cret\n"}, "token: not a valid header"),
        ({"to": "mqtt://host", "topic": "a", "settings": {"availability": "a"}}, "lies in the topic"),
        ({"to": "mqtts://host", "ca_file": "/no/such.pem"}, "ca_file /no/such.pem cannot be read"),
        ({"to": "sqlite://db"}, "names no file"),
        ({"to": "sqlite:///x.db", "table": "drop table;"}, "table 'drop table;'"),
        ({"to": "postgresql://host/db", "table": "1"}, "table '1'"),
        ({"to": "parquet://x"}, "names no folder"),
        ({"to": "parquet:///x", "table": "../y"}, "leads out"),
        ({"to": "kafka://host", "topic": "a b"}, "Kafka takes letters"),
        ({"to": "nats://host", "topic": "a..b"}, "not a NATS subject"),
        ({"to": "https://host/x", "settings": {"secret": "whsec_?"}}, "not base64"),
        ({"to": OWN, "what": "events", "every_s": 1}, "remove `every_s`"),
        ({"to": OWN, "what": "events", "where": {"mood": "sad"}}, "an event has no 'mood'"),
    ],
)
def test_wrong_options_are_told_without_secrets(options: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(StageError, match=said) as error, StageRunner(Publish, options, tmp_path):
        pass
    assert "pass/word" not in str(error.value)


@pytest.mark.parametrize("name", ["password", "token"])
def test_no_secret_is_shown_when_its_type_is_wrong(name: str) -> None:
    with pytest.raises(OptionError) as error:
        StageRunner(Publish, {"to": OWN, name: 12345})
    assert "12345" not in str(error.value)
    assert "in quotes" in str(error.value)
