"""The catalogue's entry for a model."""

from typing import Literal

from msgspec import Struct

from framewire.models.catalogue.model_file import ModelFile
from framewire.models.crops.alignment import AlignedCrop
from framewire.models.crops.face_crop import BoxCrop, SquareCrop

Task = Literal["face detection", "object detection", "age", "gender", "emotion", "age and gender"]
Runtime = Literal["onnxruntime", "cv2.dnn"]
AnswerKind = Literal["auto", "softmax", "sigmoid", "scores", "value"]
"""What an output's numbers are: such that softmax or sigmoid makes scores of them, scores already, or one number that
is the answer; `auto`: by the graph's last operation."""


class ModelInput(Struct, frozen=True, kw_only=True):
    """How a picture becomes the model's input: resized to (height, width), then (value - mean) * scale for each colour.

    `height` and `width` are 0 if any multiple of `multiple_of` will do; `batch` is 1 if the file fixes it, else 0 for
    any. `mean` is in the channel order of the input. `shrinking` is how a larger picture is made smaller: by averaging
    the pixels that merge, or by interpolating between four, as OpenCV's blobFromImage does.
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
    """One of a model's answers: its `output` gives the value of `attribute`.

    A head of kind `label` gives a score for each label; one of kind `age` gives years, and `labels` are the ranges
    they are reported in. An empty `output` is the model's first. `answer` says what its numbers are.
    """

    attribute: str
    labels: tuple[str, ...]
    output: str = ""
    kind: Literal["label", "age"] = "label"
    answer: AnswerKind = "auto"


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
    """Answers, if there are several, or if one is not a choice of labels."""
    head: str = ""
    """Of an object detector: what its outputs mean, see models/objects/heads."""
    crop: BoxCrop | SquareCrop | AlignedCrop | None = None
    """How to cut out a face for it; None: the detector's box, with the margin set by the user."""
    accuracy: str = ""
    recommended: bool = False
    """Whether a pipeline that comes with Framewire is better with it, and it may be downloaded without asking."""
    trained_on: str = ""
    """A file beside the weights listing what our model was trained on (models/datasets/trained_on.py)."""

    @property
    def answers(self) -> tuple[Head, ...]:
        """Its heads; for a model without any, one that chooses among the labels."""
        return self.heads or (Head(attribute=self.task, labels=self.labels),)
