"""What the catalogue says of one model."""

from typing import Literal

from msgspec import Struct

from framewire.models.catalogue.model_file import ModelFile
from framewire.models.crops.alignment import AlignedCrop
from framewire.models.crops.face_crop import BoxCrop, SquareCrop

Task = Literal["face detection", "age", "gender", "emotion", "age and gender"]
Runtime = Literal["onnxruntime", "cv2.dnn"]


class ModelInput(Struct, frozen=True, kw_only=True):
    """How a picture becomes the model's input: resized to (height, width), then (value - mean) * scale for each colour.

    `height` and `width` are 0 where any multiple of `multiple_of` will do; `batch` is 1 where the file says so, else 0
    for any. `mean` is in the order of the channels as they go in. `shrinking` is how a larger picture is made smaller:
    by the mean of the pixels that fall together, or between four of them, as OpenCV's blobFromImage does.
    """

    height: int
    width: int
    order: Literal["BGR", "RGB", "grey"]
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    scale: float = 1.0
    batch: int = 0
    multiple_of: int = 1
    shrinking: Literal["area", "linear"] = "area"


class Head(Struct, frozen=True, kw_only=True):
    """One of a model's answers: `output` of the model says something of `attribute`.

    A head with kind `label` gives a score for each label; one with kind `age` gives years, and `labels` are the ranges
    that they are told by. An empty `output` is the model's first.
    """

    attribute: str
    labels: tuple[str, ...]
    output: str = ""
    kind: Literal["label", "age"] = "label"


class ModelEntry(Struct, frozen=True, kw_only=True):
    """One model. `accuracy` is what was published, with its source; `labels` are in the order of the output."""

    name: str
    task: Task
    runtime: Runtime
    files: tuple[ModelFile, ...]
    licence: str
    origin: str
    input: ModelInput
    output: str
    labels: tuple[str, ...] = ()
    heads: tuple[Head, ...] = ()
    """Answers, where there is more than one, or it is no choice of labels."""
    crop: BoxCrop | SquareCrop | AlignedCrop | None = None
    """How a face is cut out for it; None: the detector's box, with the margin that a user asks for."""
    accuracy: str = ""
    trained_on: str = ""
    """A file beside the weights that says which files a model of ours was trained on (models/trained_on.py)."""

    @property
    def answers(self) -> tuple[Head, ...]:
        """Its heads; of a model without any, the one that chooses among the labels."""
        return self.heads or (Head(attribute=self.task, labels=self.labels),)
