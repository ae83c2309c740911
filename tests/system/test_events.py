"""What happens in a run, as somebody elsewhere sees it: once, in order, though two sinks tell of it."""

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.system.running import PIPELINES, command, lines_in, wait_until
from tests.system.served import served

HAPPENS = PIPELINES / "happens.yaml"


def told(path: Path) -> list[tuple[str, int, str]]:
    """Stream, frame and kind of what a recording says has happened."""
    lines: list[dict[str, Any]] = [json.loads(line) for line in path.read_text().splitlines()]
    return [(line["stream"], line["seq"], event["kind"]) for line in lines for event in line.get("events", [])]


def test_a_terminal_elsewhere_sees_each_event_once(tmp_path: Path) -> None:
    shown = tmp_path / "events.jsonl"
    with served(HAPPENS, tmp_path / "out") as one, shown.open("w") as file:
        watching = subprocess.Popen(command("events", one.url, "--json"), stdout=file)
        wait_until(lambda: lines_in(shown) >= 100, "events")
        late = one.get("/events?since=x")
        assert late.status == 400
        one.running.process.terminate()
        one.running.finish()
        # The run has ended, and so does who watches it.
        assert watching.wait(30) == 0
    lines = [json.loads(line) for line in shown.read_text().splitlines()]
    assert [line["id"] for line in lines] == list(range(1, len(lines) + 1))
    seen = [(line["stream"], line["seq"], line["kind"]) for line in lines]
    assert seen == told(tmp_path / "out" / "one.jsonl")[: len(seen)]
