"""Labelled pictures in an .npz, by the names and shapes that are common: checked, never guessed."""

import zipfile
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

import cv2
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from framewire.models.picture import Picture

WHOLE, TRAIN, VALIDATION, TEST = "", "train", "validation", "test"
_NAMES: tuple[tuple[str, str, str, str], ...] = (
    (WHOLE, "images", "labels", "BGR"),
    (TRAIN, "train_images", "train_labels", "BGR"),
    (TRAIN, "x_train", "y_train", "RGB"),
    (VALIDATION, "validation_images", "validation_labels", "BGR"),
    (VALIDATION, "val_images", "val_labels", "BGR"),
    (VALIDATION, "x_val", "y_val", "RGB"),
    (TEST, "test_images", "test_labels", "BGR"),
    (TEST, "x_test", "y_test", "RGB"),
)
"""Part, key of the images, key of their labels, assumed order of colours: x_train is of Keras, whose sets are RGB."""
CLASSES = ("classes", "class_names", "label_names")
ORDER = "order"
"""Key of an entry that says the order of the colours: RGB or BGR."""
LEAST_BRIGHTEST = 64
"""Whole numbers that never exceed this are hardly 0 to 255: scikit-learn's digits are 0 to 16."""
COLOURS = 3


class ArrayOrder(StrEnum):
    """What a user says of the order of the colours."""

    AUTO = "auto"
    RGB = "rgb"
    BGR = "bgr"

    @property
    def taken(self) -> str:
        """RGB or BGR; empty if it is left to the file."""
        return "" if self is ArrayOrder.AUTO else self.value.upper()


class ArrayPart(Struct, frozen=True):
    """Pictures of one part (train, validation, test, or empty for all) and the class index of each."""

    part: str
    pictures: list[Picture]
    labels: list[int]


class ArrayPictures(Struct, frozen=True):
    """All parts of an .npz. `order` is that of its colours, empty if all pictures are grey; pictures here are BGR."""

    parts: list[ArrayPart]
    classes: list[str]
    order: str


def read_arrays(path: Path, order: str = "") -> ArrayPictures:
    """The pictures of an .npz; `order` (RGB or BGR) overrides what is assumed of its colours.

    Raises ValueError for whatever cannot be understood, KeyError if there are no images, OSError.
    """
    if not zipfile.is_zipfile(path):
        raise ValueError("it is not an .npz")
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name.lower(): name for name in file.files}
            found = [names for names in _NAMES if names[1] in arrays]
            if not found:
                wanted = ", ".join(names[1] for names in _NAMES if names[0] in (WHOLE, TRAIN))
                raise KeyError(f"it has {', '.join(file.files) or 'nothing'}, and none of {wanted}")
            raw = []
            for part, images, labels, assumed in found:
                if labels not in arrays:
                    raise KeyError(f"it has {arrays[images]} without {labels}")
                raw.append((part, images, file[arrays[images]], file[arrays[labels]], assumed))
            said = next((file[arrays[name]] for name in CLASSES if name in arrays), None)
            told = str(file[arrays[ORDER]]) if ORDER in arrays else ""
    except (zipfile.BadZipFile, EOFError, AttributeError) as error:
        raise ValueError(f"it is not an .npz: {error}") from error
    except ValueError as error:
        if "allow_pickle" not in str(error):
            raise
        raise ValueError("an array of it holds objects: pictures of one size must be one array of numbers") from error
    if told.upper() not in ("", "RGB", "BGR"):
        raise ValueError(f"its `order` is {told}, not RGB or BGR")
    chosen = (order or told or raw[0][-1]).upper()
    classes, numbers = _indices([labels for _, _, _, labels, _ in raw], said)
    pixels = [uint8_pictures(given, name) for _, name, given, _, _ in raw]
    parts = []
    for (where, name, _, _, _), shown, indices in zip(raw, pixels, numbers, strict=True):
        if len(shown) != len(indices):
            raise ValueError(f"{name}: {len(shown)} images and {len(indices)} labels do not fit")
        parts.append(ArrayPart(where, [_bgr(one, chosen) for one in shown], indices))
    coloured = any(one.ndim > COLOURS for one in pixels)
    return ArrayPictures(parts, classes, chosen if coloured else "")


def uint8_pictures(images: NDArray[np.generic], name: str) -> NDArray[np.uint8]:
    """(n, h, w) or (n, h, w, 3), 0 to 255, of any common shape and range. Raises ValueError for others."""
    return _as_bytes(_arranged(images, name), name)


def _arranged(images: NDArray[np.generic], name: str) -> NDArray[np.generic]:
    shape = images.shape
    if images.ndim == 4 and shape[3] not in (1, COLOURS) and shape[1] in (1, COLOURS):
        images = images.transpose(0, 2, 3, 1)
    if images.ndim == 4 and images.shape[3] == 1:
        images = images[..., 0]
    if images.size == 0 or images.ndim not in (3, 4) or (images.ndim == 4 and images.shape[3] != COLOURS):
        flat = f"; if they are flat, {name}.reshape(n, h, w)" if images.ndim == 2 else ""
        raise ValueError(f"{name} is of shape {shape}: it must be (n, h, w), (n, h, w, 1) or (n, h, w, 3){flat}")
    return images


def _as_bytes(images: NDArray[np.generic], name: str) -> NDArray[np.uint8]:
    if images.dtype == np.bool_:
        return np.asarray(images, np.uint8) * np.uint8(255)
    if not np.issubdtype(images.dtype, np.number) or np.issubdtype(images.dtype, np.complexfloating):
        raise ValueError(f"{name} is of {images.dtype}: pictures are numbers from 0 to 255, or from 0 to 1")
    least, most = float(np.min(images)), float(np.max(images))
    cure = f"{name} goes from {least:g} to {most:g}: make it uint8 from 0 to 255, or floats from 0 to 1"
    if not (np.isfinite(least) and np.isfinite(most)) or least < 0 or most > 255:
        raise ValueError(cure)
    if np.issubdtype(images.dtype, np.floating) and most <= 1:
        return np.asarray(np.rint(np.asarray(images, np.float32) * 255), np.uint8)
    if 0 < most < LEAST_BRIGHTEST:
        raise ValueError(f"{cure}; such as {name} * (255 / {most:g}), if {most:g} is white")
    return np.asarray(np.rint(images), np.uint8)


def _indices(
    labels: Sequence[NDArray[np.generic]], said: NDArray[np.generic] | None
) -> tuple[list[str], list[list[int]]]:
    """The classes, and each part's labels as their indices."""
    flat = [_flat(part) for part in labels]
    names = [str(name) for name in said.ravel()] if said is not None else []
    if len(set(names)) < len(names):
        raise ValueError(f"two of its classes have one name: {', '.join(names)}")
    if any(part.dtype.kind in "US" for part in flat):
        words = [[_word(one) for one in part] for part in flat]
        classes = names or sorted({word for part in words for word in part})
        unknown = sorted({word for part in words for word in part} - set(classes))
        if unknown:
            raise ValueError(f"labels {', '.join(unknown[:5])} are none of its classes")
        place = {name: number for number, name in enumerate(classes)}
        return classes, [[place[word] for word in part] for part in words]
    numbers = [_whole(part) for part in flat]
    if names:
        wrong = sorted({one for part in numbers for one in part if not 0 <= one < len(names)})
        if wrong:
            raise ValueError(
                f"labels {', '.join(map(str, wrong[:5]))} are none of its {len(names)} classes, 0 the first"
            )
        return names, numbers
    values = sorted({one for part in numbers for one in part})
    place_of = {value: number for number, value in enumerate(values)}
    return [str(value) for value in values], [[place_of[one] for one in part] for part in numbers]


def _flat(labels: NDArray[np.generic]) -> NDArray[np.generic]:
    """(n,) of (n,), (n, 1) or one-hot (n, classes)."""
    if labels.ndim == 2 and labels.shape[1] == 1:
        return labels[:, 0]
    if labels.ndim == 2 and labels.dtype.kind in "buif":
        rows = np.asarray(labels, np.float64)
        if np.isin(rows, (0, 1)).all() and (rows.sum(1) == 1).all():
            return np.asarray(rows.argmax(1))
    if labels.ndim != 1:
        raise ValueError(f"labels are of shape {labels.shape}: they must be (n,), (n, 1), or one-hot (n, classes)")
    return labels


def _whole(labels: NDArray[np.generic]) -> list[int]:
    if labels.dtype.kind not in "buif":
        raise ValueError(f"labels are of {labels.dtype}, not whole numbers or words")
    whole = np.asarray(labels, np.float64)
    if not np.isfinite(whole).all() or (whole != np.rint(whole)).any():
        raise ValueError("labels are not whole numbers")
    return [int(one) for one in whole]


def _word(label: object) -> str:
    return label.decode("utf-8", "replace") if isinstance(label, bytes) else str(label)


def _bgr(image: NDArray[np.uint8], order: str) -> Picture:
    if image.ndim == 2:
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR), np.uint8)
    return np.ascontiguousarray(image[..., ::-1]) if order == "RGB" else image
