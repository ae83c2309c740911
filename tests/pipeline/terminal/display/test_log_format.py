import json
import logging

from framewire.pipeline.terminal.display.log_format import JsonFormatter


def test_a_line_has_what_applies_and_no_more() -> None:
    record = logging.LogRecord("framewire", logging.WARNING, "", 0, "%s: %d lost", ("door", 3), None)
    record.stage, record.worker, record.stream = "door", "door#0", ""
    line = json.loads(JsonFormatter().format(record))
    assert abs(line.pop("time") - record.created) < 0.001
    assert line == {"level": "warning", "message": "door: 3 lost", "stage": "door", "worker": "door#0"}
