"""The page's sections on several machines."""

from statistics import median

from bench.driver import FPS, Driver
from bench.machines import DEALT, FORMS, WIDTH, Machines
from bench.tables import Cell, as_table, described, middle, read_result


def machines_section() -> str:
    """What a link costs, and what a second machine brings; empty if it was not measured."""
    result = read_result("machines", Machines)
    if result is None:
        return ""
    rows: list[list[Cell]] = []
    for pixels, secure in FORMS:
        ones = [one for one in result.hops if (one.pixels, one.secure) == (pixels, secure)]
        added = middle(one.latency_ms - one.local_latency_ms for one in ones)
        there, back = (
            median(sides) for sides in zip(*((one.there_bytes, one.back_bytes) for one in ones), strict=True)
        )
        rows.append([pixels, secure, middle(one.cpu_ms for one in ones), f"{there:,.0f}", f"{back:,.0f}", added])
    heads = ["pixels", "secure", "CPU of the link, ms", "bytes there", "bytes back", "latency added, ms"]
    ratio = median(one.two_fps / one.one_fps for one in result.dealt)
    return f"""## A link between two machines

A picture {WIDTH} pixels wide crosses to another "machine" on the same two cores 30 times a second, and its packet
comes back without it; CPU is that of both ends, both ways, {described(result.machine)}. `auto` does not encrypt here,
since nothing leaves the machine.

{as_table(heads, rows)}
{DEALT} streams distributed over two agents with one core each reach {ratio:.2f} times the frame rate of all of them
on one core.
"""


def driver_section() -> str:
    """How far one home goes; empty if it was not measured."""
    result = read_result("driver", Driver)
    if result is None:
        return ""
    rows: list[list[Cell]] = [
        [
            str(one.streams),
            one.machines,
            f"{one.settled_fps:.0f} of {one.asked_fps:.0f}",
            f"{one.home_cpu_share:.0%}",
            f"{one.home_mb:.0f}",
            one.mark_ms_p50,
            one.mark_ms_p99,
        ]
        for one in result.rounds
    ]
    heads = ["streams", "machines", "settled per second", "home, % of a core", "MB", "mark p50, ms", "p99, ms"]
    return f"""## How far one home scales

{FPS} frames a second per stream, from simulated agents that speak the real line and make no pictures,
{described(result.machine)}. They share the cores with home: where less is settled than requested and home uses less
than a core, they are the limit.

{as_table(heads, rows)}"""
