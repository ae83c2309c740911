import os
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framewire.stages.parts.part_index import Part, PartIndex
from framewire.stages.parts.part_name import PartNames, TemplateError
from framewire.stages.parts.rotation import RotationOptions, surplus

NOON = datetime(2026, 11, 21, 12, 0, 5)


def test_names_are_filled_in() -> None:
    names = PartNames("{stream}/{start:%Y%m%d-%H%M%S}.mp4", rotates=True)
    assert names.path("door", NOON, 3) == "door/20261121-120005.mp4"
    assert names.by_stream


def test_parts_without_a_name_of_their_own_are_numbered() -> None:
    assert PartNames("a/video.mp4", rotates=True).path("s", NOON, 7) == "a/video-007.mp4"
    assert PartNames("a/video.mp4", rotates=False).path("s", NOON, 0) == "a/video.mp4"


def test_two_parts_in_one_second_have_two_names() -> None:
    names = PartNames("{start:%H%M%S}.jsonl", rotates=True)
    assert names.free_path("s", NOON, 2, ["120005.jsonl", "120005-2.jsonl"].__contains__) == "120005-3.jsonl"


@pytest.mark.parametrize("template", ["{strem}.mp4", "{stream", "{start:%Y}{0}.mp4", "{stream.x.y!z}"])
def test_a_template_that_cannot_be_filled_in(template: str) -> None:
    with pytest.raises(TemplateError, match=r"cannot be filled in|valid: \{stream\}, \{start\}, \{part\}"):
        PartNames(template, rotates=False)


def test_only_files_that_the_template_could_have_made_are_ours(tmp_path: Path) -> None:
    names = PartNames("{stream}/{start:%Y%m%d-%H%M%S}.mp4", rotates=True)
    for name in (
        *("door/20261121-120005.mp4", "door/20261121-120005-2.mp4"),
        *("door/holiday.mp4", "door/20261121-120005.jsonl", "door/20261121.mp4", "hall/20261121-120005.mp4"),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = {path.name for path in names.made(tmp_path, "door")}
    assert found == {"20261121-120005.mp4", "20261121-120005-2.mp4"}


@given(
    st.sampled_from(["{stream}-{part:03d}.x", "{stream}/{start:%Y%m%d}/{start:%H%M%S}.x", "{part}.x"]),
    st.integers(0, 9999),
)
def test_a_name_is_known_again(template: str, part: int) -> None:
    import re

    from framewire.stages.parts.part_name import _pattern

    names = PartNames(template, rotates=True)
    name = names.path("do.or", NOON, part)
    assert re.fullmatch(_pattern(names.template, "do.or"), name)
    assert re.fullmatch(_pattern(names.template, "do.or"), names.free_path("do.or", NOON, part, [name].__contains__))
    if "{stream}" in template:
        assert not re.fullmatch(_pattern(names.template, "doxor"), name)


def files(folder: Path, *sizes: int) -> list[Path]:
    made = []
    for age, size in enumerate(sizes):
        path = folder / f"{age}.x"
        path.write_bytes(bytes(size))
        os.utime(path, (1000 + age, 1000 + age))
        made.append(path)
    return made


def test_the_oldest_go_when_there_are_too_many(tmp_path: Path) -> None:
    made = files(tmp_path, 1, 1, 1, 1)
    assert surplus(RotationOptions(keep_files=2), made, []) == made[:2]
    assert surplus(RotationOptions(), made, []) == []


def test_the_oldest_go_when_they_are_too_large_together(tmp_path: Path) -> None:
    made = files(tmp_path, 400_000, 400_000, 400_000)
    assert surplus(RotationOptions(keep_mb=0.9), made, []) == made[:1]
    assert surplus(RotationOptions(keep_mb=0.1), made, [made[2]]) == made[:2]


def test_what_is_written_to_stays_however_old(tmp_path: Path) -> None:
    made = files(tmp_path, 1, 1, 1)
    assert surplus(RotationOptions(keep_files=1), made, [made[0]]) == made[1:]


def test_when_a_part_is_full() -> None:
    assert RotationOptions(rotate_s=60).is_full(60, 0)
    assert not RotationOptions(rotate_s=60).is_full(59.9, 10**9)
    assert RotationOptions(rotate_mb=1).is_full(0, 10**6)
    assert not RotationOptions().is_full(10**6, 10**12)


def test_the_index_survives_a_crash_and_a_torn_line(tmp_path: Path) -> None:
    path = tmp_path / ".s.parts"
    index = PartIndex(path, resumed=False)
    parts = [Part("s", f"{number}.x", "s", 10 * number, number / 2, number) for number in range(3)]
    for part in parts:
        index.add(part)
    with path.open("ab") as file:
        file.write(b'{"key": "s", "pa')
    again = PartIndex(path, resumed=True)
    assert again.of("s") == parts
    again.drop(parts[1])
    assert PartIndex(path, resumed=True).names() == ["0.x", "2.x"]
    assert PartIndex(path, resumed=False).names() == []
