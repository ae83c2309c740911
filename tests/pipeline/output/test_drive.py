from pathlib import Path

import pytest

from framewire.pipeline.output.drive import MOUNT_ROOTS, absent_drive
from tests.system.running import PIPELINES, framewire

MISSING = "no-such-drive-of-framewire"


@pytest.mark.skipif(not Path("/mnt").is_dir(), reason="there is no /mnt here")
@pytest.mark.parametrize(
    ("path", "place"),
    [
        (f"/mnt/{MISSING}/film.mp4", f"/mnt/{MISSING}"),
        (f"/mnt/{MISSING}/a/b/film.mp4", f"/mnt/{MISSING}"),
        (f"/mnt/{MISSING}.mp4", None),
        ("/tmp/some/where/film.mp4", None),
        ("/film.mp4", None),
    ],
)
def test_where_drives_are_mounted_there_must_be_one(path: str, place: str | None) -> None:
    assert Path("/mnt") in MOUNT_ROOTS
    assert absent_drive(Path(path)) == (Path(place) if place else None)


def test_what_the_systems_table_names_must_be_mounted(tmp_path: Path) -> None:
    drive = tmp_path / "my drive"
    drive.mkdir()
    fstab = tmp_path / "fstab"
    fstab.write_text(
        "# UUID=1 /tmp ext4\n/dev/sda1 / ext4\nproc /proc proc\n\nUUID=2 none swap\n"
        f"UUID=3 {str(drive).replace(' ', chr(92) + '040')} ext4 nofail 0 2\n"
    )
    assert absent_drive(drive / "film.mp4", fstab) == drive
    assert absent_drive(tmp_path / "film.mp4", fstab) is None
    assert absent_drive(Path("/proc/film.mp4"), fstab) is None


@pytest.mark.skipif(not Path("/mnt").is_dir(), reason="there is no /mnt here")
def test_a_run_onto_a_missing_drive_makes_no_folder_in_its_place() -> None:
    where = f"/mnt/{MISSING}"
    to = ("--http", "off", "--out", where)
    run = framewire("run", str(PIPELINES / "short.yaml"), *to)
    assert (run.code, f"no drive is mounted at {where}" in run.stderr) == (2, True), run.stderr
    assert not Path(where).exists()
