"""The files in deploy/ pass Prometheus' own tool, and name only what exists."""

import json
import re
import subprocess
from pathlib import Path
from shutil import which
from typing import Any

import pytest
import yaml
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from framewire.pipeline.metrics.collector import RunCollector, registry_of
from framewire.pipeline.seen.rates import rates
from framewire.pipeline.terminal.shipped import shipped_names
from tests.pipeline.snapshots import spread
from tests.system.running import PIPELINES, ROOT, framewire

DEPLOY = ROOT / "deploy"
needs_promtool = pytest.mark.skipif(which("promtool") is None, reason="promtool is not installed (Debian: prometheus)")


def expressions() -> list[str]:
    """All queries of the dashboard."""
    board = json.loads((DEPLOY / "grafana" / "framewire.json").read_text())
    return [target["expr"] for panel in board["panels"] for target in panel["targets"]]


def metric_names() -> set[str]:
    """All metrics served."""
    collector = RunCollector()
    collector.tell(spread(100.0, 60), rates(spread(95.0, 40), spread(100.0, 60)))
    families = text_string_to_metric_families(generate_latest(registry_of(collector)).decode())
    return {sample.name for family in families for sample in family.samples}


@needs_promtool
@pytest.mark.parametrize(
    "arguments", ["check rules alerts.yml", "test rules alerts_test.yml", "check config --syntax-only prometheus.yml"]
)
def test_promtool_agrees(arguments: str) -> None:
    done = subprocess.run(["promtool", *arguments.split()], cwd=DEPLOY, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_test_that_it_fires_and_one_that_it_is_silent() -> None:
    (group,) = yaml.safe_load((DEPLOY / "alerts.yml").read_text())["groups"]
    alerts = {rule["alert"] for rule in group["rules"]}
    tests = yaml.safe_load((DEPLOY / "alerts_test.yml").read_text())["tests"]
    cases: list[dict[str, Any]] = [case for test in tests for case in test["alert_rule_test"]]
    assert {case["alertname"] for case in cases if case["exp_alerts"]} == alerts
    assert {case["alertname"] for case in cases if not case["exp_alerts"]} == alerts


@pytest.mark.parametrize("text", [*expressions(), (DEPLOY / "alerts.yml").read_text()])
def test_only_metrics_that_there_are_are_asked_for(text: str) -> None:
    asked = set(re.findall(r"framewire_[a-z_]+", text))
    assert asked - {"framewire_token"} <= metric_names()


def test_every_metric_is_in_the_manual_and_nothing_else() -> None:
    manual = set(re.findall(r"`(framewire_[a-z_]+)`", (ROOT / "docs" / "metrics.md").read_text()))
    suffixes = re.compile(r"_(bucket|count|sum)$")
    served = {suffixes.sub("", name) for name in metric_names()}
    assert served == {name for name in manual if not name.startswith("framewire_gpu")}


def test_what_the_container_is_made_of_is_there() -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    run = compose["services"]["framewire"]
    assert (DEPLOY / run["build"]["context"] / run["build"]["dockerfile"]).is_file()
    assert run["command"][0] in shipped_names()
    for service in compose["services"].values():
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert not source.startswith(".") or (DEPLOY / source).exists(), source


def commands() -> dict[str, list[str]]:
    """What the unit and the container run, without the program, for a pipeline of ours."""
    unit = (DEPLOY / "framewire@.service").read_text()
    (line,) = re.findall(r"^ExecStart=\S+ (.*)$", unit, re.MULTILINE)
    (entry,) = re.findall(r"^ENTRYPOINT (.*)$", (DEPLOY / "Containerfile").read_text(), re.MULTILINE)
    return {"unit": line.split(), "container": [*json.loads(entry)[1:], "/etc/framewire/%i.yaml"]}


@pytest.mark.parametrize("which", ["unit", "container"])
def test_a_run_as_deployed_goes_on_and_ends_once(which: str, tmp_path: Path) -> None:
    places = {
        "/etc/framewire/%i.yaml": str(PIPELINES / "short.yaml"),
        "/var/lib/framewire/%i": str(tmp_path),
        "/out": str(tmp_path),
        "0.0.0.0:9797": "off",
    }
    arguments = [places.get(word, word) for word in commands()[which]]
    assert not {"/out", str(tmp_path)}.isdisjoint(arguments)
    first = framewire(*arguments)
    assert (first.code, "beginning anew" in first.stderr) == (0, True), first.stderr
    again = framewire(*arguments)
    assert (again.code, "has ended" in again.stdout) == (0, True), again.stderr


@pytest.mark.skipif(which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_reads_the_unit() -> None:
    """Its only complaint is that the program is not installed here."""
    done = subprocess.run(
        ["systemd-analyze", "verify", str(DEPLOY / "framewire@.service")], capture_output=True, text=True
    )
    complaints = [line for line in done.stderr.splitlines() if "framewire" in line]
    assert all("/opt/framewire/.venv/bin/framewire" in line for line in complaints), done.stderr


def test_no_other_host_is_named_but_those_of_images() -> None:
    for path in Path(DEPLOY).rglob("*"):
        if path.is_file() and path.suffix != ".md":
            hosts = set(re.findall(r"https?://([^/\s:\"']+)", path.read_text()))
            assert hosts <= {"127.0.0.1", "prometheus", "localhost"}, path
