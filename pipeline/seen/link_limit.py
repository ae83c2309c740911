"""Whether a link between machines limits a run.

Two signs, either of which is enough. An end of a link is one process: one that uses most of a core can send little
more. Or the windows are full (by Little's law: frames a second times their latency), no stage is busy, and the frames
spend most of their time on the way over the link: then the network between the machines is slow, or far.
"""

from msgspec import Struct

from framewire.pipeline.seen.machine import NO_PIXELS
from framewire.pipeline.seen.summary import LinkSummary, Summary

WINDOW_SHARE = 0.7
"""Of the windows, in flight on average: less, and the sources are what is waited for."""
WAY_SHARE = 0.5
"""Of a frame's latency, spent before a stage behind the link: less, and other stages are as much to blame."""
MEGA = 1e6


class LinkLimit(Struct, frozen=True):
    """`link` is its name, `busy` the share of a core that its busier end uses; `words` say why it limits the run."""

    link: str
    busy: float
    words: str


def busiest_end(summary: Summary) -> LinkLimit | None:
    """The link whose end uses most of a core, in the direction in which it sends more; None without links."""
    if not summary.links or not summary.seconds:
        return None
    name = max(summary.links, key=lambda one: summary.links[one].cpu_s)
    busy = summary.links[name].cpu_s / summary.seconds
    here, _, there = name.partition(">")
    link = max((one for one in (name, f"{there}>{here}") if one in summary.links), key=lambda one: _sent(summary, one))
    why = f"its end at {here} uses {busy:.0%} of a core, and has but one"
    return LinkLimit(link, busy, f"{_carries(summary, link)}; {why}: {_cure(summary.links[link])}")


def longest_way(summary: Summary) -> LinkLimit | None:
    """The link on which frames spend most of their time while the windows are full and nobody is busy; else None.

    Only to be asked of a run in which no stage is busy.
    """
    delay = summary.end_to_end_ms.p50
    window = sum(stream.window for stream in summary.streams.values())
    if not delay or not window or (summary.fps or 0.0) * delay / 1000 < WINDOW_SHARE * window:
        return None
    waits = {
        (name, stage): wait
        for name, link in summary.links.items()
        for stage in link.behind
        if (wait := summary.stages[stage].wait_p50_ms) is not None and wait >= WAY_SHARE * delay
    }
    if not waits:
        return None
    name, stage = max(waits, key=lambda key: (waits[key], _sent(summary, key[0])))
    link = summary.links[name]
    why = (
        f"a frame spends {waits[name, stage]:.0f} of its {delay:.0f} ms on the way to {stage}, which is not busy, and "
        "the windows are full"
    )
    cure = f"{_cure(link)}; if the network is far rather than slow, a larger window helps"
    return LinkLimit(name, link.cpu_s / summary.seconds, f"{_carries(summary, name)}; {why}: {cure}")


def _sent(summary: Summary, name: str) -> int:
    return summary.links[name].sent_bytes


def _carries(summary: Summary, name: str) -> str:
    link = summary.links[name]
    frames = max((summary.stages[stage].count for stage in link.behind), default=0)
    each = f", {link.sent_bytes / frames / MEGA:.2f} MB a frame" if frames else ""
    return f"the link {name} carries {link.sent_bytes / summary.seconds / MEGA:.1f} MB/s{each}"


def _cure(link: LinkSummary) -> str:
    dealt = "deal the streams out to the machines (`on: {streams: [...]}`)"
    if link.pixels == NO_PIXELS:
        return f"no picture crosses it, since no stage there looks; {dealt}, and no packet does"
    dealt = f"{dealt}, and no picture crosses"
    return f"{dealt}, or `links: {{pixels: jpeg}}`" if link.pixels == "raw" else dealt
