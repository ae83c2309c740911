"""What is told of machines and links adds up, whoever is away."""

import pytest

from framewire.pipeline.line.said import Busy, LeaseAsked
from framewire.pipeline.machines.inventory import links_seen, machines_seen
from framewire.pipeline.machines.machine import Machine
from framewire.pipeline.machines.machines import NoMachines
from framewire.pipeline.nodes.notes import FrameInHand
from framewire.pipeline.seen.snapshot import WorkerNow


def worker(name: str, machine: str, up: bool = True, link: str = "") -> WorkerNow:
    return WorkerNow(name, up, 2, 1.5, 1000, 0, 0, machine, link)


def machine(now: float = 0.0) -> Machine:
    return Machine("n1", 2.0, lambda session, raw: None, now)


def test_a_run_on_one_machine_has_none() -> None:
    assert machines_seen(NoMachines(), [worker("faces#0", "")], [], 4) == {}
    assert links_seen([worker("faces#0", "")], {"faces#0": 0}, {}) == {}


def test_a_link_is_up_while_both_of_its_ends_are() -> None:
    ends = [worker("home>n1#0", "home", link="home>n1"), worker("n1>home#0", "n1", link="n1>home")]
    sent = {"home>n1#0": 7, "n1>home#0": 3}
    pixels = {"home>n1#0": "jpeg", "n1>home#0": "none"}
    both = links_seen(ends, sent, pixels)
    assert [(link.name, link.up, link.sent_bytes, link.restarts, link.pixels) for link in both.values()] == [
        ("home>n1", True, 7, 2, "jpeg"),
        ("n1>home", True, 3, 2, "none"),
    ]
    ends[1].up = False
    assert [link.up for link in links_seen(ends, sent, pixels).values()] == [False, False]


def test_what_agents_refuse_never_goes_back() -> None:
    one = machine()
    one.welcome(b"first", 4, "10.0.0.2", False, 1.0)
    one.asked(LeaseAsked(1.0, [], [], 3), 1.0)
    one.asked(LeaseAsked(1.1), 1.1)
    assert one.refused == 3
    one.leave(2.0)
    one.welcome(b"second", 4, "10.0.0.2", False, 3.0)
    one.asked(LeaseAsked(3.0, [], [], 1), 3.0)
    assert (one.refused, one.agents) == (4, 2)


def test_an_ask_that_says_nothing_of_the_workers_leaves_them_on_their_calls() -> None:
    one = machine()
    one.welcome(b"first", 4, "10.0.0.2", False, 1.0)
    frame = FrameInHand("faces", "door", 5)
    one.asked(LeaseAsked(1.0, [Busy("faces#0", [frame], 0.5)], ["eyes#0"]), 1.0)
    one.asked(LeaseAsked(1.1), 1.1)
    call = one.call("faces#0")
    assert call is not None
    assert call.since == pytest.approx(0.5)
    assert one.is_stopped("eyes#0")
