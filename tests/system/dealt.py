"""The pipeline whose streams are dealt out to two machines, and what it writes if nothing disturbs it."""

from pathlib import Path

from tests.system.running import PIPELINES, run
from tests.system.storm import results

DEALT = PIPELINES / "dealt.yaml"
STREAMS = {"door": "n-0", "hall": "n-1"}


def of_frames(count: int) -> list[str]:
    """Arguments by which each stream has so many frames."""
    return [word for stream in STREAMS for word in ("--set", f"{stream}.limit={count}")]


def undisturbed_files(out: Path, *arguments: str) -> dict[str, list[str]]:
    """What one machine writes: the same graph without machines."""
    text = DEALT.read_text().replace("    on: {streams: [n]}\n", "")
    alone = PIPELINES / f".dealt-{out.name}.yaml"
    alone.write_text(text.replace("engine: agents", "engine: local"))
    try:
        finished = run(alone, out, *arguments)
    finally:
        alone.unlink()
    assert finished.code == 0, finished.stderr
    return results(out)
