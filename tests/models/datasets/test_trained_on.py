from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from framewire.models.catalogue.entries import CATALOGUE
from framewire.models.datasets.trained_on import TrainedOn
from framewire.models.store.model_store import PACKAGED

NAMES = [f"{number}_0_1_x.jpg" for number in range(3000)]


def test_it_knows_its_names_and_hardly_any_other(tmp_path: Path) -> None:
    TrainedOn.of(f"folder/{name}" for name in NAMES).write(tmp_path / "names.npy")
    known = TrainedOn.read(tmp_path / "names.npy")
    assert all(name in known for name in NAMES)
    assert sum(f"other-{name}" in known for name in NAMES) <= 1
    assert (tmp_path / "names.npy").stat().st_size < 13_000


@given(st.lists(st.text(), max_size=20))
def test_any_names(names: list[str]) -> None:
    known = TrainedOn.of(names)
    assert all(name in known for name in names)
    assert "never" not in TrainedOn.of([])


def test_the_lists_of_our_own_models_are_there() -> None:
    lists = [entry.trained_on for entry in CATALOGUE if entry.trained_on]
    assert lists
    for name in lists:
        TrainedOn.read(PACKAGED / name)
