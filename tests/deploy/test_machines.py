"""What deploy/agents and deploy/ray start: every command and option of ours is one that there is, no secret is told."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from framewire.pipeline.agent.machines_command import app as machines
from framewire.pipeline.agent.node_command import node
from framewire.pipeline.terminal.commands import app
from tests.system.running import ROOT

DEPLOY = ROOT / "deploy"
KUBERNETES = [DEPLOY / "agents" / "kubernetes.yaml", DEPLOY / "ray" / "rayjob.yaml"]
UNIT = DEPLOY / "agents" / "framewire-node@.service"
SCRIPT = DEPLOY / "agents" / "over-ssh.sh"
FILES = [*KUBERNETES, UNIT, SCRIPT]


def objects(path: Path) -> list[dict[str, Any]]:
    """All objects of a manifest."""
    return list(yaml.safe_load_all(path.read_text()))


def within(value: Any) -> Iterator[dict[str, Any]]:
    """All mappings in a value."""
    if isinstance(value, dict):
        yield value
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from within(one)


def commands(path: Path) -> list[list[str]]:
    """The command lines of ours in a file, each as its words behind `framewire`; a comment's, too."""
    text = path.read_text().replace("\\\n", " ")
    found = re.findall(r"(?:^|[\s/])framewire ((?:run|node|machines) .+)", text, re.MULTILINE)
    lines = [re.split(r"[\"'<&]", line)[0].split() for line in found]
    for one in within(objects(path)) if path in KUBERNETES else ():
        if isinstance(one.get("command"), list) and one["command"][0] == "framewire":
            lines.append(one["command"][1:])
    return lines


def known_options(words: list[str]) -> set[str]:
    """The options of the command that the words begin with."""
    ours = typer.Typer()
    ours.command("node")(node)
    ours.add_typer(machines, name="machines")
    known: dict[str, Any] = {}
    for one in (app, ours):
        known |= typer.main.get_group(one).commands
    command = known[words[0]]
    for word in words[1:]:
        command = getattr(command, "commands", {}).get(word, command)
    return {name for parameter in command.params for name in parameter.opts}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_command_and_option_is_one_that_there_is(path: Path) -> None:
    found = commands(path)
    assert found
    for words in found:
        options = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert options <= known_options(words), words


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_secret_is_in_a_file(path: Path) -> None:
    text = path.read_text()
    # Z85 keys have 40 characters, tokens at least 16; digests would be no better.
    assert not re.search(r"[A-Za-z0-9+/=]{32,}", re.sub(r"\S*/\S*", "", text))
    for one in within(objects(path)) if path in KUBERNETES else ():
        assert one.get("kind") != "Secret"
        assert not (re.search("token|key|secret|password", str(one.get("name")), re.IGNORECASE) and "value" in one), one


@pytest.mark.parametrize("path", KUBERNETES, ids=lambda path: path.name)
def test_what_is_mounted_is_there_and_keys_are_for_their_owner(path: Path) -> None:
    made = {one["metadata"]["name"] for one in objects(path)}
    for pod in (one for one in within(objects(path)) if "containers" in one):
        volumes = {volume["name"]: volume for volume in pod.get("volumes", [])}
        for mount in (mount for container in pod["containers"] for mount in container["volumeMounts"]):
            assert mount["name"] in volumes or mount["name"] == "out", mount
        for volume in volumes.values():
            if "secret" in volume:
                assert volume["secret"]["defaultMode"] == 0o400
                assert f"secret generic {volume['secret']['secretName']}" in path.read_text()
            if "persistentVolumeClaim" in volume:
                assert volume["persistentVolumeClaim"]["claimName"] in made


def test_images_are_built_of_files_that_are_there() -> None:
    pods = [one for path in KUBERNETES for one in within(objects(path)) if "containers" in one]
    used = {container["image"] for pod in pods for container in pod["containers"]}
    built = {
        name
        for path in DEPLOY.rglob("Containerfile")
        for name in re.findall(rf"docker build -f {path.relative_to(ROOT)} -t (\S+) \.", path.read_text())
    }
    assert used == built == {"framewire", "framewire-ray"}


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_reads_the_unit() -> None:
    """Its only complaint is that the program is not installed here."""
    done = subprocess.run(["systemd-analyze", "verify", str(UNIT)], capture_output=True, text=True)
    complaints = [line for line in done.stderr.splitlines() if "framewire" in line]
    assert all("/opt/framewire/.venv/bin/framewire" in line for line in complaints), done.stderr


def test_a_shell_reads_the_script() -> None:
    done = subprocess.run(["sh", "-n", str(SCRIPT)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
