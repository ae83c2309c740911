"""Kills at random moments, in full: single workers, several at once, supervisors, nurseries, whole trees.

Nothing is timed here; it takes half an hour, and stops at the first run whose files are not those of an undisturbed
one. Three quarters of the kills go to a graph of four streams whose lines must be the same to the byte, the others to
one that writes films, too. FRAMEWIRE_STORM_KILLS and FRAMEWIRE_STORM_SEED change how many, and which.
"""

import os
import tempfile
from collections import Counter
from pathlib import Path

from msgspec import Struct
from rich.console import Console
from rich.table import Table

from bench.film import demo_clip
from bench.machine import Machine, this_machine
from tests.system.running import PIPELINES
from tests.system.storm import storm

KILLS = int(os.environ.get("FRAMEWIRE_STORM_KILLS", "2000"))
SEED = int(os.environ.get("FRAMEWIRE_STORM_SEED", "1"))
AT_A_TIME = 50
"""Kills between two lines of progress, and with one seed."""
GRAPHS = {"storm_of_epochs": 0.75, "storm_of_files": 0.25}
"""Each with its share of the kills: a film takes longer to start again than numbers do."""
FILM_WIDTH = 640
KINDS = ("worker", "supervisor", "nursery", "tree", "stopped")
"""What is killed, and what is only stopped for a while."""


class StormOfGraph(Struct, frozen=True):
    """What one graph has survived: `killed` by what was killed; all of its `runs` ended with identical files."""

    graph: str
    killed: dict[str, int]
    runs: int
    seconds: float


class Storms(Struct, frozen=True):
    """Both graphs."""

    machine: Machine
    storms: list[StormOfGraph]


def storms() -> Storms:
    """Kill; raises AssertionError, with the seed, at the first difference."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["STORM_FILM"] = str(demo_clip(Path(folder) / "film.mp4", FILM_WIDTH))
        result = Storms(this_machine(), [_one_graph(*graph) for graph in GRAPHS.items()])
    table = Table("graph", *KINDS, "runs", "seconds", title="killed")
    for one in result.storms:
        counts = [one.killed.get(kind, 0) for kind in KINDS]
        table.add_row(one.graph, *map(str, counts), str(one.runs), f"{one.seconds:.0f}")
    Console().print(table)
    return result


def _one_graph(graph: str, share: float) -> StormOfGraph:
    killed: Counter[str] = Counter()
    kills, runs, seconds, seed = 0, 0, 0.0, SEED
    while kills < KILLS * share:
        done = storm(PIPELINES / f"{graph}.yaml", AT_A_TIME, seed)
        killed += done.killed
        kills, runs, seconds, seed = kills + done.kills, runs + done.runs, seconds + done.seconds, seed + 1
        print(f"{graph}: {kills} kills, {runs} runs, all identical, {seconds:.0f} s", flush=True)
    return StormOfGraph(graph, dict(killed), runs, round(seconds, 1))
