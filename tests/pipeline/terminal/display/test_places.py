"""Machines and links in the table, the line and the summary: shown where there are any."""

import io

from rich.console import Console

from framewire.pipeline.seen.rates import rates
from framewire.pipeline.seen.snapshot import Snapshot
from framewire.pipeline.seen.summary import summary_of
from framewire.pipeline.seen.view import view_of
from framewire.pipeline.terminal.display.live_table import live_table
from framewire.pipeline.terminal.display.progress import places
from framewire.pipeline.terminal.display.summary_table import print_summary
from tests.pipeline.snapshots import snapshot, spread


def table(before: Snapshot, now: Snapshot) -> list[list[str]]:
    console = Console(file=io.StringIO(), width=120)
    console.print(live_table(view_of(now, rates(before, now))))
    return [line.split() for line in console.file.getvalue().splitlines()]  # type: ignore[attr-defined]


def away() -> Snapshot:
    now = spread(100.0, 60)
    now.machines["n1"].here, now.machines["n1"].awaited, now.machines["n1"].away_s = False, True, 12.0
    now.links["home>n1"].up = now.links["n1>home"].up = False
    now.stages["faces"].waits_for = ("n1",)
    return now


def test_the_table_has_machines_and_links() -> None:
    lines = table(spread(95.0, 40), spread(100.0, 60))
    assert ["home", "up", "4", "4%", "200", "2", "of", "2"] in lines
    assert ["n1", "up", "2", "40%", "0", "2", "of", "2"] in lines
    assert ["home>n1", "up", "4.0", "1%", "1"] in lines
    assert [line[-1] for line in lines if line and line[0] in ("capture", "faces")][:2] == ["home", "n1"]
    alone = table(snapshot(95.0, 40), snapshot(100.0, 60))
    assert not any("machine" in line or "link" in line or "on" in line for line in alone)


def test_what_waits_for_a_machine_says_so() -> None:
    lines = table(spread(95.0, 40), away())
    assert ["n1", "away", "12", "s", "2", "40%", "0", "2", "of", "2"] in lines
    assert any(line[:1] == ["faces"] and line[-3:] == ["waiting", "for", "n1"] for line in lines)
    assert ["waiting", "for", "n1", "(12", "s)"] in lines


def test_the_line_says_what_is_waited_for_and_what_crosses() -> None:
    assert places(spread(100.0, 60), rates(spread(95.0, 40), spread(100.0, 60))) == ["home>n1 4.0 MB/s"]
    assert places(away(), rates(spread(95.0, 40), away())) == ["waiting for n1 (12 s)", "home>n1 4.0 MB/s"]
    assert places(snapshot(), rates(snapshot(), snapshot())) == []


def test_a_link_whose_end_fills_a_core_is_marked_where_no_stage_is_busy() -> None:
    before, now = spread(95.0, 40), spread(100.0, 60)
    now.links["n1>home"].cpu_seconds = before.links["n1>home"].cpu_seconds + 4.5
    assert rates(before, now).bottleneck == "home>n1"
    assert any(line[:2] == ["home>n1", "(limits)"] for line in table(before, now))


def test_the_summary_is_by_machine() -> None:
    summary = summary_of(spread(100.0, 60))
    assert {name: (one.stages, one.workers, one.agents) for name, one in summary.machines.items()} == {
        "home": (["capture", "list"], 2, 1),
        "n1": (["faces"], 2, 2),
    }
    assert {name: link.behind for name, link in summary.links.items()} == {"home>n1": ["faces"], "n1>home": ["list"]}
    console = Console(file=io.StringIO(), width=120)
    print_summary(summary, console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert ["n1", "2", "6.00", "30%", "2", "2", "faces"] in [line.split() for line in text.splitlines()]
    assert "link home>n1: 60.0 MB, 6.0 MB/s, lost once" in text
    assert "3 connections from strangers were refused" in text
    assert summary.refused_messages == 5
