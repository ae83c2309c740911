"""Every valid pipeline file loads, every invalid one gets exactly the message in its last line."""

import re
from pathlib import Path

import pytest

from framewire.pipeline.graph import ConfigError, load_pipeline

CASES = Path(__file__).resolve().parents[2] / "configs"
VALID = sorted((CASES / "valid").glob("*.yaml"))
INVALID = sorted((CASES / "invalid").glob("*.yaml"))
SHIPPED = sorted((CASES.parents[1] / "configs").glob("*.yaml"))


def name(path: Path) -> str:
    return path.stem


@pytest.mark.parametrize("path", [*VALID, *SHIPPED], ids=name)
def test_valid(path: Path) -> None:
    assert load_pipeline(path).stages


@pytest.mark.parametrize("path", INVALID, ids=name)
def test_invalid(path: Path) -> None:
    said = re.search(r"^# error:(.*)", path.read_bytes().decode("latin-1"), re.MULTILINE)
    assert said, "the file does not name the expected message"
    with pytest.raises(ConfigError) as caught:
        load_pipeline(path)
    assert str(caught.value) == f"{path}:{said.group(1)}"


def test_there_are_cases() -> None:
    assert len(VALID) >= 7
    assert len(INVALID) >= 40


def test_no_file() -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load_pipeline(Path("nowhere.yaml"))


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="this is a folder"):
        load_pipeline(tmp_path)
