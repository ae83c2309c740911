"""Training, on generated pictures: it learns, it is repeatable, and it resumes where it was stopped."""

import signal
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from framewire.models.runtime.onnx_session import OnnxSession  # noqa: E402
from framewire.models.runtime.provider import Execution  # noqa: E402
from framewire.models.training.faces import age_gender, emotion  # noqa: E402
from framewire.models.training.faces.face_file import AgeGenderModel, EmotionModel, export  # noqa: E402
from framewire.models.training.loop.augment import Augmentation, augment, centre  # noqa: E402
from framewire.models.training.loop.recipe import OtherTrainingError, Recipe  # noqa: E402
from framewire.models.training.loop.trainer import StoppedError, Trainer, learning_rate  # noqa: E402
from framewire.models.training.nets.face_net import FaceNet  # noqa: E402

QUICK = Recipe(epochs=4, batch=32, rate=0.05, threads=1)


def small_data(path: Path) -> Path:
    """FER-like pictures whose class is the brightness of one corner or another."""
    rng = np.random.default_rng(0)
    images = rng.integers(90, 140, (192, 48, 48), np.uint8)
    labels = rng.integers(0, 7, 192)
    for image, label in zip(images, labels, strict=True):
        image[6 * label : 6 * label + 6, :] = 250
    np.savez(
        path,
        train_images=images,
        train_labels=labels,
        validation_images=images[:64],
        validation_labels=labels[:64],
    )
    return path


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


def trainer(data: Path, checkpoint: Path, key: dict[str, str] | None = None) -> Trainer:
    torch.manual_seed(3)
    net = FaceNet(1, 8, 2, (16, 16), (1, 1), {"emotion": 7}, dropout=0.0)
    return Trainer(net, emotion.Emotion(data), QUICK, checkpoint, key)


def test_a_training_that_was_stopped_in_an_epoch_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    data = small_data(tmp_path / "data.npz")
    whole = Lines()
    trainer(data, tmp_path / "whole.pt").run(whole)
    parts: list[str] = []
    # An epoch has six steps.
    for steps in (2, 5, 6, 1):
        again, some = trainer(data, tmp_path / "parts.pt"), Lines(stop_after=steps)
        with pytest.raises(StoppedError):
            again.run(some)
        parts += some.lines
    rest = Lines()
    trainer(data, tmp_path / "parts.pt").run(rest)
    assert parts + rest.lines == whole.lines


def test_a_checkpoint_of_another_training_is_refused_in_words(tmp_path: Path) -> None:
    data, checkpoint = small_data(tmp_path / "data.npz"), tmp_path / "net.pt"
    with pytest.raises(StoppedError):
        trainer(data, checkpoint, {"size": "48"}).run(Lines(stop_after=1))
    assert trainer(data, checkpoint, {"size": "48"}).resumed
    with pytest.raises(OtherTrainingError, match="size 48, not 32"):
        trainer(data, checkpoint, {"size": "32"})
    checkpoint.write_bytes(checkpoint.read_bytes()[:100])
    with pytest.raises(OtherTrainingError, match="cannot be read"):
        trainer(data, checkpoint, {"size": "48"})


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


def models() -> list[EmotionModel | AgeGenderModel]:
    feelings = emotion.new_net()
    nets = [(age_gender.new_net(), 64), (age_gender.new_second_net(feelings), 48)]
    return [EmotionModel(feelings), AgeGenderModel([(net, side) for net, side in nets])]


def crops_for(model: EmotionModel | AgeGenderModel, count: int) -> np.ndarray:
    shape = (1, 48, 48) if isinstance(model, EmotionModel) else (3, 64, 64)
    return np.random.default_rng(0).uniform(0, 255, (count, *shape)).astype(np.float32)


@pytest.mark.parametrize("model", models(), ids=lambda model: type(model).__name__)
def test_what_is_exported_says_the_same_in_batches_of_any_size(
    model: EmotionModel | AgeGenderModel, tmp_path: Path
) -> None:
    path = tmp_path / "net.onnx"
    crops = crops_for(model, 64)
    export(model, crops, path)
    # Both together must fit into four megabytes.
    assert path.stat().st_size < 2_300_000
    assert [file.name for file in tmp_path.iterdir()] == ["net.onnx"]
    session = OnnxSession(path, Execution("cpu"))
    assert session.input_shape == (None, *crops.shape[1:])
    together = session.run(crops[:5])
    for number in range(5):
        for whole, alone in zip(together, session.run(crops[number : number + 1]), strict=True):
            assert np.allclose(whole[number], alone[0], atol=1e-4)


def test_the_second_net_sees_in_colour_what_the_first_saw_in_grey() -> None:
    feelings = emotion.new_net().eval()
    second = age_gender.new_second_net(feelings).eval()
    grey = torch.rand(2, 1, 48, 48)
    with torch.inference_mode():
        assert torch.allclose(
            second.levels(second.stem(grey.repeat(1, 3, 1, 1))), feelings.levels(feelings.stem(grey)), atol=1e-4
        )
