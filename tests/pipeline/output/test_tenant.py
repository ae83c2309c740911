"""A run's part on another machine: whose folder it is, on storage that moves, or that machines share."""

import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from framewire.pipeline.graph import PipelineSpec, load_pipeline
from framewire.pipeline.output.ownership import OwnedError, Owner, Ownership, Tenant, boot_id
from framewire.pipeline.output.take_over import LentFolder, TakeOverError
from framewire.pipeline.unfinished import FOLDER, LOCK

OURS = Tenant("run-1", "n")
SPLIT = """
engine: agents
machines: {n: {}, m: {}}
stages:
  capture: {source: demo}
  far: {use: face_detect, input: capture, on: m}
  lines: {use: jsonl_writer, input: far, path: lines.jsonl, on: n}
"""


@pytest.fixture
def spec(tmp_path: Path) -> PipelineSpec:
    (tmp_path / "split.yaml").write_text(SPLIT)
    return load_pipeline(tmp_path / "split.yaml")


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Path]:
    """A lock that somebody holds."""
    lock = tmp_path / "out" / FOLDER / LOCK
    lock.parent.mkdir(parents=True)
    opened = os.open(lock, os.O_RDWR | os.O_CREAT)
    fcntl.flock(opened, fcntl.LOCK_EX)
    yield lock
    os.close(opened)


def named(lock: Path, boot: str, tenant: Tenant | None) -> None:
    owner = Owner("split", os.getpid(), time.time(), (), "far.example", boot, tenant)
    lock.write_bytes(msgspec.json.encode(owner))


def test_a_machine_that_is_gone_is_followed_by_its_lease_alone(held: Path, tmp_path: Path) -> None:
    named(held, "another boot", OURS)
    ownership = Ownership("split", tmp_path / "out", tenant=OURS)
    owner = msgspec.json.decode(held.read_bytes(), type=Owner)
    assert (owner.boot, owner.tenant, owner.pid) == (boot_id(), OURS, os.getpid())
    ownership.release()


@pytest.mark.parametrize("tenant", [None, Tenant("run-2", "n"), Tenant("run-1", "m")])
def test_nobody_else_follows_it(tenant: Tenant | None, held: Path, tmp_path: Path) -> None:
    named(held, "another boot", OURS)
    with pytest.raises(OwnedError, match=f"process {os.getpid()} on far.example"):
        Ownership("split", tmp_path / "out", tenant=tenant)


def test_on_the_same_machine_the_lock_counts(held: Path, tmp_path: Path) -> None:
    named(held, boot_id(), OURS)
    with pytest.raises(OwnedError, match=rf"process {os.getpid()}\) since"):
        Ownership("split", tmp_path / "out", tenant=OURS)


def test_files_that_must_be_here_are_looked_for(spec: PipelineSpec, tmp_path: Path) -> None:
    with pytest.raises(TakeOverError, match="has nothing of this run, though n has written files"):
        LentFolder(spec, OURS, tmp_path / "out", continues=True, must_be_here=True)
    LentFolder(spec, OURS, tmp_path / "out", continues=False, must_be_here=False).release()
    LentFolder(spec, OURS, tmp_path / "out", continues=True, must_be_here=True).release()
    with pytest.raises(TakeOverError, match="has nothing of this run"):
        LentFolder(spec, Tenant("run-2", "n"), tmp_path / "out", continues=True, must_be_here=True)


def test_a_machine_without_sinks_may_be_anywhere(spec: PipelineSpec, tmp_path: Path) -> None:
    LentFolder(spec, Tenant("run-1", "m"), tmp_path / "out", continues=True, must_be_here=True).release()
