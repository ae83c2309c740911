"""Keys are read by their owner alone, and never replaced by accident."""

import stat
from pathlib import Path

import pytest

from framewire.pipeline.line.keys import WrongKeyError, make_keys, read_agent_key, read_run_keys


def test_they_fit_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    paths = make_keys(tmp_path, ["n1", "n2"])
    assert [stat.S_IMODE(path.stat().st_mode) for path in paths] == [0o600] * 3
    run, agent = read_run_keys(tmp_path), read_agent_key(tmp_path / "n2.key")
    assert agent.run == run.public
    assert run.machines["n2"] == agent.public
    assert len({run.secret, agent.secret, read_agent_key(tmp_path / "n1.key").secret}) == 3


def test_none_is_overwritten(tmp_path: Path) -> None:
    make_keys(tmp_path, ["n1"])
    before = (tmp_path / "home.key").read_bytes()
    with pytest.raises(FileExistsError):
        make_keys(tmp_path, ["n1"])
    assert (tmp_path / "home.key").read_bytes() == before


def test_all_are_written_or_none(tmp_path: Path) -> None:
    (tmp_path / "n2.key").symlink_to("gone")
    with pytest.raises(FileExistsError) as raised:
        make_keys(tmp_path, ["n1", "n2"])
    assert raised.value.filename == str(tmp_path / "n2.key")
    assert [path.name for path in tmp_path.iterdir()] == ["n2.key"]
    # A name that no file can have shows itself only when it is written.
    with pytest.raises(OSError, match="name too long"):
        make_keys(tmp_path / "other", ["n1", "n" * 300])
    assert list((tmp_path / "other").iterdir()) == []


def test_one_that_anybody_may_read_is_refused(tmp_path: Path) -> None:
    make_keys(tmp_path, ["n1"])
    (tmp_path / "n1.key").chmod(0o644)
    with pytest.raises(WrongKeyError, match="chmod 600"):
        read_agent_key(tmp_path / "n1.key")


def test_another_file_is_refused_by_name(tmp_path: Path) -> None:
    make_keys(tmp_path, ["n1"])
    for name in ("home.key", "no.key"):
        with pytest.raises(WrongKeyError, match=name):
            read_agent_key(tmp_path / name)
    with pytest.raises(WrongKeyError, match="machines keys"):
        read_run_keys(tmp_path / "nowhere")
