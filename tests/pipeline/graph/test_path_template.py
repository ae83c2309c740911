from pathlib import Path

import pytest

from framewire.pipeline.graph.path_template import PathTemplate


@pytest.mark.parametrize(
    ("template", "path", "may"),
    [
        ("film.mp4", "film.mp4", True),
        ("film.mp4", "other.mp4", False),
        ("deep/../film.mp4", "film.mp4", True),
        ("{stream}.mp4", "door.mp4", True),
        ("{stream}.mp4", "door.mkv", False),
        ("{stream}/{start:%Y/%m-%d}.mp4", "door/2026/11-25.mp4", True),
        ("film-{part:03d}.mp4", "film-007.mp4", True),
        ("film-{part:03d}.mp4", "film.mp4", False),
        ("rec/{stream}.mp4", "door.mp4", False),
        ("100%{{}}.mp4", "100%{}.mp4", True),
        ("{broken.mp4", "door.mp4", False),
    ],
)
def test_which_files_a_template_may_come_to_mean(template: str, path: str, may: bool, tmp_path: Path) -> None:
    assert PathTemplate(str(tmp_path / template)).may_be(tmp_path / path) is may


@pytest.mark.parametrize(
    ("template", "folder", "may"),
    [
        ("pics/video.mp4", "pics", True),
        ("pics/deep/video.mp4", "pics", False),
        ("video.mp4", "pics", False),
        ("pics/{stream}.mp4", "pics", True),
        ("{stream}/{seq:08d}.jpg", "pics", True),
        ("{stream}/{seq:08d}.jpg", ".", False),
        ("out/{stream}/{seq:08d}.jpg", "pics", False),
    ],
)
def test_in_which_folders_its_files_may_lie(template: str, folder: str, may: bool, tmp_path: Path) -> None:
    (tmp_path / "pics").mkdir()
    assert PathTemplate(str(tmp_path / template)).may_be_in(tmp_path / folder) is may


@pytest.mark.parametrize("template", ["film.mp4", "{stream}.mp4"])
def test_links_are_seen_through(template: str, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"frames")
    folder = tmp_path / "out"
    folder.mkdir()
    for link in (Path.symlink_to, Path.hardlink_to):
        name = folder / "film.mp4"
        link(name, source)
        assert PathTemplate(str(folder / template)).may_be(source)
        name.unlink()
    assert not PathTemplate(str(folder / template)).may_be(source)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.symlink_to(tmp_path)
    source.rename(tmp_path / "film.mp4")
    assert PathTemplate(str(elsewhere / template)).may_be(tmp_path / "film.mp4")
