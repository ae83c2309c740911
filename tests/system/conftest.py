"""What tests of several machines share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.hosts import Host, hosts
from tests.system.running import framewire


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """The folder with the keys of two machines."""
    made = framewire("machines", "keys", "n-0", "n-1", "--folder", str(tmp_path / "keys"))
    assert made.code == 0, made.stderr
    return tmp_path / "keys"


@pytest.fixture(scope="module")
def three() -> Iterator[list[Host]]:
    """Three on one switch: home, and two others."""
    with hosts("home", "n0", "n1") as made:
        yield made
