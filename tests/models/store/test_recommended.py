"""What `models pull --recommended` gets is what the pipelines that come along name, and no more."""

from framewire.models.catalogue.entries import CATALOGUE
from framewire.pipeline.graph import load_pipeline
from tests.system.running import ROOT

DETECTORS = ("face_detect", "detect")


def test_it_is_what_the_shipped_pipelines_are_better_with() -> None:
    named = set()
    for path in (ROOT / "configs").glob("*.yaml"):
        for stage in load_pipeline(path).stages:
            if stage.use in DETECTORS and stage.options["method"] != "haar":
                named.add(stage.options["model"])
    recommended = {entry.name for entry in CATALOGUE if entry.recommended}
    assert recommended == named


def test_all_of_it_can_be_downloaded_and_checked() -> None:
    for entry in CATALOGUE:
        if entry.recommended:
            assert all(file.url and file.sha256 and file.size for file in entry.files)
