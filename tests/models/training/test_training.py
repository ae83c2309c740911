"""Training, on generated pictures: it learns, it is repeatable, and it resumes where it was stopped."""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from framewire.models.catalogue.model_card import ModelCard  # noqa: E402
from framewire.models.catalogue.model_entry import Head, ModelInput  # noqa: E402
from framewire.models.runtime.onnx_session import OnnxSession  # noqa: E402
from framewire.models.runtime.provider import Execution  # noqa: E402
from framewire.models.training import age_gender  # noqa: E402
from framewire.models.training.classify import Classification, Pictures, Style  # noqa: E402
from framewire.models.training.files.own_file import OwnModel, Sample, WholeModel, write_own  # noqa: E402
from framewire.models.training.loop.augment import Augmentation, augment, centre  # noqa: E402
from framewire.models.training.loop.recipe import OtherTrainingError, Recipe  # noqa: E402
from framewire.models.training.loop.trainer import Measured, StoppedError, Trainer, learning_rate  # noqa: E402
from framewire.models.training.nets.face_net import FaceNet, own_face_net  # noqa: E402

QUICK = Recipe(epochs=4, batch=32, rate=0.05, threads=1)


def striped() -> Pictures:
    """Pictures whose class is the place of a bright stripe."""
    rng = np.random.default_rng(0)
    images = rng.integers(90, 140, (192, 1, 48, 48), np.uint8)
    labels = rng.integers(0, 7, 192)
    for image, label in zip(images, labels, strict=True):
        image[:, 6 * label : 6 * label + 6] = 250
    return Pictures(images, labels[:, None])


class Lines:
    """A progress that keeps its lines, and stops after some steps."""

    def __init__(self, stop_after: int = 0) -> None:
        self.lines: list[str] = []
        self.stop_after = stop_after
        self.stopped = 0

    def line(self, text: str) -> None:
        self.lines.append(text.split(" (")[0])

    def step(self, epoch: int, step: int, steps: int) -> None:
        self.stop_after -= 1
        self.stopped = signal.SIGINT if self.stop_after == 0 else 0


def trainer(checkpoint: Path, key: dict[str, str] | None = None) -> Trainer:
    torch.manual_seed(3)
    # Whatever draws by chance: dropout, augmentation, mixing.
    net = FaceNet(1, 8, 2, (16, 16), (1, 1), {"scores": 7}, dropout=0.3)
    style = Style(how=Augmentation(), mixup=0.2, two_views=True)
    task = Classification({"scores": "emotion"}, striped(), striped(), style)
    return Trainer(net, task, QUICK, checkpoint, key)


def test_a_training_that_was_stopped_in_an_epoch_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    whole = Lines()
    trainer(tmp_path / "whole.pt").run(whole)
    parts: list[str] = []
    # An epoch has six steps.
    for steps in (2, 5, 6, 1):
        again, some = trainer(tmp_path / "parts.pt"), Lines(stop_after=steps)
        with pytest.raises(StoppedError):
            again.run(some)
        parts += some.lines
    rest = Lines()
    trainer(tmp_path / "parts.pt").run(rest)
    assert parts + rest.lines == whole.lines


class Known:
    """A task whose figures are known beforehand, an epoch each; it learns nothing."""

    train_count = 8

    def __init__(self, figures: list[tuple[float, float]]) -> None:
        self.figures = iter(figures)

    def loss(self, net: Any, chosen: object, generator: object) -> Any:
        (weight,) = net.parameters()
        return (weight * 0).sum()

    def measure(self, net: object) -> Measured:
        best, doubt = next(self.figures)
        return Measured(best=best, doubt=doubt)


@pytest.mark.parametrize(
    ("figures", "best", "ended"),
    [
        # Equally good, and ever surer: no gain, but the last is taken.
        ([(1.0, 1 / epoch) for epoch in range(1, 21)], 4, 4),
        # The same in all: the last.
        ([(0.0, 0.0)] * 20, 4, 4),
        # Better in the fifth; then less sure, and worse.
        ([(0.5, 0.1), (0.5, 0.2), (0.6, 0.3), (0.5, 0.1), (0.7, 0.2), (0.7, 0.3), (0.6, 0.0), (0.5, 0.0)], 5, 8),
    ],
)
def test_which_epoch_is_taken_and_when_patience_ends(
    figures: list[tuple[float, float]], best: int, ended: int, tmp_path: Path
) -> None:
    net = torch.nn.Linear(1, 1, bias=False)
    recipe = Recipe(epochs=20, batch=4, threads=1)
    # Resumed after two epochs: what it waits for is in the checkpoint.
    first = Trainer(net, Known(figures[:2]), Recipe(epochs=2, batch=4, threads=1), tmp_path / "net.pt", patience=3)
    first.run(Lines())
    rest = Trainer(net, Known(figures[2:]), recipe, tmp_path / "net.pt", patience=3)
    rest.run(Lines())
    assert (rest.best_epoch, rest.epoch) == (best, ended)


def test_a_checkpoint_of_another_training_is_refused_in_words(tmp_path: Path) -> None:
    checkpoint = tmp_path / "net.pt"
    with pytest.raises(StoppedError):
        trainer(checkpoint, {"size": "48"}).run(Lines(stop_after=1))
    assert trainer(checkpoint, {"size": "48"}).resumed
    with pytest.raises(OtherTrainingError, match="size 48, not 32"):
        trainer(checkpoint, {"size": "32"})
    checkpoint.write_bytes(checkpoint.read_bytes()[:100])
    with pytest.raises(OtherTrainingError, match="cannot be read"):
        trainer(checkpoint, {"size": "48"})


def test_the_learning_rate_rises_and_falls() -> None:
    rates = [learning_rate(Recipe(epochs=20), epoch / 4) for epoch in range(81)]
    top = rates.index(max(rates))
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert max(rates) == pytest.approx(Recipe(epochs=20).rate)
    assert rates[-1] == pytest.approx(0)


def test_augmented_pictures_are_pictures_that_differ() -> None:
    batch = torch.rand(16, 3, 80, 80)
    generator = torch.Generator().manual_seed(1)
    once, twice = (augment(batch, 64, Augmentation(), generator) for _ in range(2))
    assert once.shape == (16, 3, 64, 64)
    assert float(once.min()) >= 0
    assert float(once.max()) <= 1
    assert float((once - twice).abs().mean()) > 0.01
    assert centre(batch, 64).shape == (16, 3, 64, 64)


def test_no_change_is_no_change() -> None:
    still = Augmentation(angle=0, shift=0, zoom=0, light=0, contrast=0, blur=0, erase=0)
    batch = torch.rand(8, 1, 48, 48)
    moved = augment(batch, 48, still, torch.Generator().manual_seed(1))
    for one, two in zip(moved, batch, strict=True):
        assert torch.allclose(one, two, atol=1e-5) or torch.allclose(one, two.flip(-1), atol=1e-5)


YEARS = Head(attribute="age", labels=("(0-20)", "(21-100)"), output="years", kind="age")
GENDER = Head(attribute="gender", labels=("male", "female"), output="gender", answer="scores")
EMOTION = Head(attribute="emotion", labels=tuple("abcdefg"), output="scores", answer="scores")


def age_gender_model() -> age_gender.AgeGenderModel:
    second = age_gender.new_second_net(own_face_net(1, {"scores": 7}).state_dict())
    return age_gender.AgeGenderModel([(age_gender.new_net(), 64), (second, 48)])


def emotion_model() -> OwnModel:
    return OwnModel(own_face_net(1, {"scores": 7}), ["scores"], two_views=True)


@pytest.mark.parametrize(
    ("made", "heads", "channels", "side"),
    [(emotion_model, (EMOTION,), 1, 48), (age_gender_model, (YEARS, GENDER), 3, 64)],
)
@pytest.mark.parametrize("bits", ["32", "8"])
def test_what_is_exported_says_the_same_in_batches_of_any_size(
    made: Callable[[], WholeModel], heads: tuple[Head, ...], channels: int, side: int, bits: str, tmp_path: Path
) -> None:
    torch.manual_seed(1)
    rng = np.random.default_rng(0)
    model, path = made(), tmp_path / "net.onnx"
    crops = rng.integers(0, 256, (64, channels, side, side), np.uint8)
    labels = rng.integers(0, 2, (64, len(heads)))
    facts = ModelInput(height=side, width=side, order="grey" if channels == 1 else "BGR")
    card = ModelCard(name="n", task="classify", net="face-net", input=facts, heads=heads)
    done = write_own(model, card, Sample(crops, labels), Sample(crops, labels), path, bits, print)  # type: ignore[arg-type]
    assert [file.name for file in tmp_path.iterdir()] == ["net.onnx"]
    session = OnnxSession(path, Execution("cpu"))
    assert session.input_shape == (None, *crops.shape[1:])
    given = crops.astype(np.float32)
    together = session.run(given[:5])
    for number in range(5):
        for whole, alone in zip(together, session.run(given[number : number + 1]), strict=True):
            assert np.allclose(whole[number], alone[0], atol=1e-4)
    # What the card says is what the file says.
    for number, (head, figures, told) in enumerate(zip(heads, done.figures, session.run(given), strict=True)):
        if head.kind == "age":
            assert figures.error == pytest.approx(np.abs(told[:, 0] - labels[:, number]).mean(), abs=1e-3)
        else:
            assert figures.accuracy == pytest.approx((told.argmax(1) == labels[:, number]).mean())
            assert np.sum(figures.confusion) == 64
    if bits == "8":
        # Both of ours together must fit into four megabytes.
        assert path.stat().st_size < 2_300_000


def test_the_second_net_sees_in_colour_what_the_first_saw_in_grey() -> None:
    feelings = own_face_net(1, {"scores": 7}).eval()
    second = age_gender.new_second_net(feelings.state_dict()).eval()
    grey = torch.rand(2, 1, 48, 48)
    with torch.inference_mode():
        assert torch.allclose(
            second.levels(second.stem(grey.repeat(1, 3, 1, 1))), feelings.levels(feelings.stem(grey)), atol=1e-4
        )
