import zipfile
from pathlib import Path

import cv2
import numpy as np

from framewire.models.datasets.utkface import is_held_out, people_in, person_of


def test_names_say_age_and_gender() -> None:
    person = person_of("part/25_1_0_20170116174525125.jpg")
    assert person is not None
    assert (person.age, person.gender) == (25, 1)
    assert person_of("61_3_x.jpg") is None
    assert person_of("readme.txt") is None


def test_the_split_is_by_name_alone_and_about_a_tenth() -> None:
    names = [f"{age}_0_0_{number}.jpg" for age in range(100) for number in range(20)]
    held_out = [is_held_out(name) for name in names]
    assert held_out == [is_held_out(f"elsewhere/{name}") for name in names]
    assert 150 < sum(held_out) < 250


def test_folders_and_zips_are_read_alike(tmp_path: Path) -> None:
    folder = tmp_path / "faces"
    folder.mkdir()
    for name in ("30_0_1_a.png", "5_1_1_b.png", "notes.txt"):
        (folder / name).write_bytes(cv2.imencode(".png", np.full((8, 8, 3), 7, np.uint8))[1].tobytes())
    (folder / "40_1_1_torn.png").write_bytes(b"no picture")
    with zipfile.ZipFile(tmp_path / "faces.zip", "w") as archive:
        for path in folder.iterdir():
            archive.write(path, f"part/{path.name}")
    for data in (folder, tmp_path / "faces.zip"):
        assert [(person.age, person.gender) for _, person in people_in(data)] == [(30, 0), (5, 1)]
