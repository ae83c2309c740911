"""The shipped pipelines that publish, each with a real server: what arrives is what the recording beside it says."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.servers.brokers import Mosquitto
from tests.servers.databases import PostgresServer
from tests.servers.hook import Hook
from tests.servers.server import Server
from tests.system.running import ROOT, run, wait_until

CONFIGS = ROOT / "configs"
SECRET = "whsec_c2VjcmV0"
SHORT = ("--set", "capture.limit=60")


@pytest.fixture
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    made: Server = request.param(tmp_path / "server")
    made.start()
    yield made
    made.close()


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("server", [Mosquitto], indirect=True)
def test_doorway_mqtt(server: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MQTT", server.url())
    finished = run(CONFIGS / "doorway-mqtt.yaml", tmp_path, "--set", "alerts.topic=test/{stream}", *SHORT)
    assert finished.code == 0, finished.stderr
    expected = [line["seq"] for line in lines_of(tmp_path / "doorway-mqtt.jsonl") if line.get("events")]
    assert expected
    wait_until(lambda: len(server.received()) >= len(expected) and "offline" in server.availability, "messages")
    assert [seq for _, _, seq in server.received()] == expected
    # Of an earlier run there is nothing: it is there, and then it is not.
    assert server.availability == ["online", "offline"]


@pytest.mark.parametrize("server", [PostgresServer], indirect=True)
def test_warehouse_postgres(server: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import psycopg

    monkeypatch.setenv("POSTGRES", server.url())
    finished = run(
        CONFIGS / "warehouse-postgres.yaml", tmp_path, "--set", "capture.limit=8", "--set", "table.every_s=0.1"
    )
    assert finished.code == 0, finished.stderr
    lines = lines_of(tmp_path / "warehouse.jsonl")
    with psycopg.connect(server.url()) as db:
        rows = db.execute("SELECT seq, pts, outcome, body FROM people ORDER BY seq").fetchall()
        count = "SELECT avg(jsonb_array_length(body->'detections')) FROM people"
        assert db.execute(count).fetchone() is not None
    assert [seq for seq, *_ in rows] == [0, 3, 6]
    for seq, pts, outcome, body in rows:
        run_id = body.pop("run")
        assert len(run_id) == 32
        assert body == lines[seq]
        assert (pts, outcome) == (lines[seq]["pts"], "ok")


@pytest.mark.parametrize("server", [Hook], indirect=True)
def test_webhook(server: Hook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK", server.url())
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    server.answers = [503, 204, 422]
    finished = run(CONFIGS / "webhook.yaml", tmp_path, *SHORT)
    assert finished.code == 0, finished.stderr
    said: dict[int, str] = {}
    changes = []
    for line in lines_of(tmp_path / "webhook.jsonl"):
        now = {one["track"]: one["attributes"]["emotion"]["label"] for one in line["detections"] if "track" in one}
        changed = {track for track, word in now.items() if said.get(track) != word}
        said |= now
        if changed:
            changes.append((line["seq"], changed))
    posted = [json.loads(request.body) for request in server.requests]
    refused = [line["message"] for line in lines_of(tmp_path / "hook.refused.jsonl")]
    told = sorted([*posted, *refused], key=lambda line: line["seq"])
    assert [(line["seq"], {one["track"] for one in line["detections"]}) for line in told] == changes
    assert len(refused) == 1
    for request in server.requests:
        assert request.headers["webhook-signature"] == signature(request.headers, request.body)
    assert SECRET not in finished.stderr + finished.stdout


def signature(headers: dict[str, str], body: bytes) -> str:
    """As a receiver checks it."""
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    return f"v1,{base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()}"
