"""A run and the agents of its machines, on this host or on several."""

import re
from pathlib import Path

import psutil

from tests.system.hosts import Agent, Host
from tests.system.running import PIPELINES, Running, free_port, run
from tests.system.storm import results


def on_one_machine(config: Path, out: Path) -> dict[str, list[str]]:
    """What the same graph writes without machines."""
    lines = [
        line for line in config.read_text().splitlines() if not line.startswith(("engine", "machines", "lease", "node"))
    ]
    text = "\n".join(lines)
    for machine in ("n-0", "n-1"):
        text = text.replace(f", on: {machine}}}", "}")
    text = text.replace("    on: {streams: [n]}\n", "")
    alone = PIPELINES / f".{config.stem}-alone.yaml"
    alone.write_text(text)
    try:
        finished = run(alone, out)
    finally:
        alone.unlink()
    assert finished.code == 0, finished.stderr
    return results(out)


class Cluster:
    """A run and its two agents, on this host or on three."""

    def __init__(self, folder: Path, keys: Path, places: list[Host | None], config: Path, *arguments: str) -> None:
        home, *others = places
        self.folder, self.keys, self.config, self.others = folder, keys, config, others
        self.join = f"{home.address if home else '127.0.0.1'}:{free_port()}"
        self.home = home
        self.agents = {f"n-{number}": self.agent(number) for number in range(len(others))}
        self.running = self.start(*arguments)

    def agent(self, number: int, *arguments: str) -> Agent:
        name = f"n-{number}"
        return Agent(self.join, self.keys / f"{name}.key", self.folder / name, *arguments, host=self.others[number])

    def start(self, *arguments: str) -> Running:
        return Running(
            self.config,
            self.folder / "home",
            *("--agents", self.join, "--keys", str(self.keys), *arguments),
            prefix=self.home.prefix if self.home is not None else (),
        )

    def page(self) -> str:
        """The address of the run's server; empty while it has none."""
        return next(iter(re.findall(r'live page and metrics: ([^\s"]+)', self.running.stderr())), "")

    def files(self) -> dict[str, list[str]]:
        return {name: content for machine in self.agents for name, content in results(self.folder / machine).items()}

    def processes(self) -> list[psutil.Process]:
        return [*self.running.processes(), *(one for agent in self.agents.values() for one in agent.processes())]

    def close(self) -> None:
        if self.running.process.poll() is None:
            self.running.process.kill()
        for agent in self.agents.values():
            agent.kill()
