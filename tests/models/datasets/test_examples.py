"""Reading what is to be learned, and parting it: every common form, and nothing silently wrong."""

import re
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from framewire.models.datasets.array_pictures import read_arrays
from framewire.models.datasets.examples import Examples, Source, read_examples
from framewire.models.datasets.held_out import contradictions, part
from framewire.models.datasets.labelled_pictures import read_npz
from framewire.models.datasets.picture_files import other_files
from framewire.models.datasets.seen_pictures import SeenPictures
from framewire.models.picture import Picture

COUNT = 12


def noise(count: int = COUNT, side: int = 9, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, side, side, 3), np.uint8)


def small(picture: Picture) -> Picture:
    return np.asarray(cv2.resize(picture, (8, 8)), np.uint8)


def read(data: Path, **how: object) -> Examples:
    return read_examples(Source(data=data, **how), small)  # type: ignore[arg-type]


def folder_of(path: Path, classes: tuple[str, ...] = ("cat", "dog"), count: int = COUNT, seed: int = 0) -> Path:
    for number, name in enumerate(classes):
        (path / name).mkdir(parents=True)
        for place, picture in enumerate(noise(count, seed=seed + number)):
            cv2.imwrite(str(path / name / f"{place}.png"), picture)
    return path


def zip_of(folder: Path, path: Path, above: str = "") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*.png")):
            archive.write(file, above + file.relative_to(folder).as_posix())
    return path


def test_a_folder_and_a_zip_of_it_are_the_same(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "pets")
    (folder / ".ipynb_checkpoints").mkdir()
    cv2.imwrite(str(folder / ".ipynb_checkpoints" / "0.png"), noise(1)[0])
    one = read(folder)
    assert one.classes == {"class": ("cat", "dog")}
    assert len(one.pictures) == 2 * COUNT
    for above in ("", "pets/", "my/pets/"):
        other = read(zip_of(folder / "", tmp_path / "pets.zip", above)) if not above else None
        if other is None:
            with zipfile.ZipFile(tmp_path / "deep.zip", "w") as archive:
                for file in sorted(folder.glob("[cd]*/*.png")):
                    archive.write(file, above + file.relative_to(folder).as_posix())
            other = read(tmp_path / "deep.zip")
        assert (other.hashes == one.hashes).all()
        assert (other.labels == one.labels).all()


def test_parts_of_a_folder_are_held_out_and_never_trained_on(tmp_path: Path) -> None:
    folder_of(tmp_path / "pets" / "train")
    folder_of(tmp_path / "pets" / "val", count=3, seed=50)
    cv2.imwrite(str(tmp_path / "pets" / "train" / "cat" / "again.png"), noise(3, seed=50)[0])
    examples = read(tmp_path / "pets")
    parting = part(examples)
    assert (len(parting.train), len(parting.validation), len(parting.held_out)) == (2 * COUNT - 2, 2, 6)
    assert "1 training pictures are also held out" in parting.remarks[0]


def test_held_out_pictures_may_lie_elsewhere(tmp_path: Path) -> None:
    train, val = folder_of(tmp_path / "a"), folder_of(tmp_path / "b", count=2, seed=9)
    assert len(part(read(train, held_out=val)).held_out) == 4
    folder_of(tmp_path / "c", ("cat", "horse"), seed=20)
    with pytest.raises(ValueError, match="class horse, which is not trained"):
        read(train, held_out=tmp_path / "c")


def test_identical_pictures_fall_on_the_same_side_and_each_class_is_held_out(tmp_path: Path) -> None:
    images = noise(40)
    doubled = np.concatenate([images, images])
    labels = np.tile(np.arange(40) % 4, 2)
    np.savez(tmp_path / "d.npz", images=doubled, labels=labels)
    examples = read(tmp_path / "d.npz")
    parting = part(examples)
    assert not set(examples.hashes[parting.train].tolist()) & set(examples.hashes[parting.held_out].tolist())
    assert np.bincount(examples.labels[parting.held_out, 0]).tolist() == [4, 4, 4, 4]
    # In another order, by other names, the same pictures are held out.
    np.savez(tmp_path / "e.npz", images=doubled[::-1], labels=labels[::-1])
    again = read(tmp_path / "e.npz")
    held_out = part(again).held_out
    assert set(again.hashes[held_out].tolist()) == set(examples.hashes[parting.held_out].tolist())


def test_one_picture_in_two_classes_is_counted_and_lies_on_one_side(tmp_path: Path) -> None:
    images = noise(20)
    np.savez(tmp_path / "d.npz", images=np.concatenate([images, images[:10]]), labels=[0] * 10 + [1] * 10 + [1] * 10)
    examples = read(tmp_path / "d.npz")
    parting = part(examples)
    assert contradictions(examples) == 10
    assert not set(examples.hashes[parting.train].tolist()) & set(examples.hashes[parting.held_out].tolist())


def test_too_few_pictures_are_an_error_that_says_so(tmp_path: Path) -> None:
    images = np.concatenate([noise(10), np.repeat(noise(1, seed=5), 8, axis=0)])
    np.savez(tmp_path / "d.npz", images=images, labels=[0] * 10 + [1] * 8)
    with pytest.raises(ValueError, match="class 1 has 1 different pictures, and at least 5"):
        part(read(tmp_path / "d.npz"))
    with pytest.raises(ValueError, match="in one folder, cat"):
        read(folder_of(tmp_path / "one", ("cat",)))


def test_pictures_that_lie_in_no_class_are_told(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "pets")
    (folder / "cat" / "black").mkdir()
    cv2.imwrite(str(folder / "cat" / "black" / "deep.png"), noise(1)[0])
    with pytest.raises(ValueError, match=r"cat/black/deep\.png out of place"):
        read(folder)


def test_broken_pictures_are_named(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "pets")
    (folder / "cat" / "3.png").write_bytes(b"no picture")
    (folder / "dog" / "4.png").write_bytes(b"")
    assert read(folder).broken == ["cat/3.png", "dog/4.png"]


def test_several_answers_of_a_list(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "pets")
    rows = [f"{kind}/{n}.png,{kind},{'big' if n % 2 else ''}" for kind in ("cat", "dog") for n in range(COUNT)]
    listing = tmp_path / "list.csv"
    listing.write_text("\n".join(["name,kind,size", *rows, "cat/99.png,cat,small", ""]))
    examples = read(folder, listing=listing)
    assert examples.classes == {"kind": ("cat", "dog"), "size": ("big",)}
    assert examples.labels[:2].tolist() == [[0, -1], [0, 0]]
    assert examples.broken == ["cat/99.png (listed but missing)"]
    listing.write_text("0.png,cat\n1.png,dog\n")
    with pytest.raises(ValueError, match="must be a header"):
        read(folder, listing=listing)


GREY = np.random.default_rng(3).integers(0, 256, (6, 5, 7), np.uint8)
COLOUR = noise(6, 5)


@pytest.mark.parametrize(
    ("images", "wanted"),
    [
        (GREY, GREY),
        (GREY[..., None], GREY),
        (GREY[:, None], GREY),
        (GREY.astype(np.int64), GREY),
        (GREY.astype(np.float64), GREY),
        (GREY / 255, GREY),
        ((GREY / 255).astype(np.float32), GREY),
        (GREY > 127, np.where(GREY > 127, 255, 0)),
    ],
)
def test_common_shapes_and_ranges_are_the_same_pictures(images: np.ndarray, wanted: np.ndarray, tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", images=images, labels=np.arange(6) % 2)
    read_ = read_arrays(tmp_path / "d.npz")
    assert (np.stack(read_.parts[0].pictures) == wanted[..., None]).all()
    assert read_.order == ""


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (GREY / 16.0, "goes from 0"),
        (GREY // 16, "goes from 0 to 15"),
        (GREY / 127.5 - 1, "goes from -1"),
        (GREY.astype(np.int64) * 256, "goes from"),
        (np.full((6, 5, 5), np.nan), "goes from nan"),
        (GREY.reshape(6, -1), "of shape"),
        (np.zeros((6, 5, 5, 4), np.uint8), "of shape"),
        (np.full((6, 5, 5), "a"), "are numbers"),
    ],
)
def test_what_is_no_picture_is_refused_in_words(images: np.ndarray, words: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", images=images, labels=np.arange(6) % 2)
    with pytest.raises(ValueError, match=words):
        read_arrays(tmp_path / "d.npz")


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (np.array([3, 5, 3, 5, 3, 5]), ["3", "5"]),
        (np.array([[3], [5], [3], [5], [3], [5]], np.uint8), ["3", "5"]),
        (np.array([3.0, 5, 3, 5, 3, 5]), ["3", "5"]),
        (np.array(["b", "c", "b", "c", "b", "c"]), ["b", "c"]),
        (np.array([b"b", b"c", b"b", b"c", b"b", b"c"]), ["b", "c"]),
        (np.eye(2)[[0, 1, 0, 1, 0, 1]], ["0", "1"]),
    ],
)
def test_labels_of_every_kind(labels: np.ndarray, classes: list[str], tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", images=COLOUR, labels=labels)
    found = read_arrays(tmp_path / "d.npz")
    assert found.classes == classes
    assert found.parts[0].labels == [0, 1, 0, 1, 0, 1]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"labels": np.array([0.5] * 6)}, "not whole"),
        ({"labels": np.array([0, 1, 2, 0, 1, 2]), "classes": np.array(["a", "b"])}, "labels 2 are none of"),
        ({"labels": np.array([0, 1])}, "do not fit"),
        ({"labels": np.zeros((6, 4))}, "labels are of shape"),
        ({"classes": np.array(["a", "a"])}, "two of its classes"),
        ({"order": np.array("HSV")}, "not RGB or BGR"),
    ],
)
def test_labels_that_do_not_fit_are_refused(changes: dict[str, np.ndarray], words: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", **{"images": COLOUR, "labels": np.arange(6) % 2, **changes})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=words):
        read_arrays(tmp_path / "d.npz")


def test_kerass_arrays_have_parts_and_are_rgb_and_evaluation_sees_the_same_pixels(tmp_path: Path) -> None:
    path = tmp_path / "keras.npz"
    np.savez(path, x_train=COLOUR, y_train=np.arange(6) % 2, x_test=COLOUR[:2] // 2, y_test=[0, 1])
    examples = read(path)
    assert examples.order == "RGB"
    assert examples.parts == ["train"] * 6 + ["test"] * 2
    parting = part(examples)
    assert len(parting.held_out) == 2
    evaluated = read_npz(path, "all")
    assert SeenPictures.of(evaluated.pictures).as_text() == SeenPictures(examples.hashes).as_text()
    assert (evaluated.pictures[0] == COLOUR[0][..., ::-1]).all()
    assert len(read_npz(path, "validation").pictures) == 2
    assert (read_arrays(path, "BGR").parts[0].pictures[0] == COLOUR[0]).all()


def test_a_file_that_is_no_data_is_told(tmp_path: Path) -> None:
    for name in ("a.npz", "a.txt", "a.zip"):
        (tmp_path / name).write_bytes(b"what is this")
        with pytest.raises(ValueError, match=r"not an? .*\.npz"):
            read(tmp_path / name)
    np.savez(tmp_path / "b.npz", pixels=COLOUR)
    with pytest.raises(KeyError, match="none of images"):
        read(tmp_path / "b.npz")


def test_a_damaged_entry_of_an_archive_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    path = tmp_path / "kinds.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(12):
            picture = np.full((8, 8, 3), 20 * number, np.uint8)
            archive.writestr(f"{'ab'[number % 2]}/{number}.png", cv2.imencode(".png", picture)[1].tobytes())
    content = bytearray(path.read_bytes())
    place = content.index(b"a/4.png") + len("a/4.png") + 20
    content[place] ^= 0xFF
    path.write_bytes(bytes(content))
    found = read_examples(Source(data=path), lambda picture: picture)
    assert found.broken == ["a/4.png"]
    assert len(found.pictures) == 11


def test_an_encrypted_archive_is_told(tmp_path: Path) -> None:
    path = tmp_path / "kinds.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for kind in "ab":
            archive.writestr(f"{kind}/1.png", b"x")
    content = bytearray(path.read_bytes())
    for place in (one.start() for one in re.finditer(b"PK\x01\x02", bytes(content))):
        content[place + 8] |= 1
    path.write_bytes(bytes(content))
    with pytest.raises(ValueError, match="is encrypted: unpack it first"):
        read_examples(Source(data=path), lambda picture: picture)


def test_what_is_not_read_is_counted(tmp_path: Path) -> None:
    for name in ("a/1.gif", "a/2.gif", "b/readme", ".hidden/x.gif", "b/.DS_Store", "b/1.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    assert other_files(tmp_path) == {".gif": 2, "no suffix": 1}


def test_a_picture_without_any_answer_is_left_out(tmp_path: Path) -> None:
    for number in range(4):
        assert cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((8, 8, 3), 9 * number, np.uint8))
    listing = tmp_path / "list.csv"
    listing.write_text("name,shape,colour\n0.png,round,red\n1.png,,\n2.png,flat,\n3.png,,blue\n")
    found = read_examples(Source(data=tmp_path, listing=listing), lambda picture: picture)
    assert found.unanswered == 1
    assert found.labels.tolist() == [[1, 1], [0, -1], [-1, 0]]


def test_the_order_of_an_arrays_colours_can_be_said_at_training_and_at_evaluation(tmp_path: Path) -> None:
    path = tmp_path / "kinds.npz"
    np.savez(path, images=noise(), labels=np.arange(COUNT) % 2)
    bgr, rgb = (read_npz(path, "all", order).pictures for order in ("", "RGB"))
    assert all((one == other[..., ::-1]).all() for one, other in zip(bgr, rgb, strict=True))
    trained_on = SeenPictures(read(path, order="RGB").hashes)
    assert all(picture in trained_on for picture in rgb)
    assert not any(picture in trained_on for picture in bgr)


def test_held_out_pictures_that_are_those_to_train_on_leave_nothing_to_learn(tmp_path: Path) -> None:
    kinds = folder_of(tmp_path / "kinds")
    with pytest.raises(
        ValueError, match="class cat of class has no picture to train on that is not also held out or for"
    ):
        part(read(kinds, held_out=kinds))
