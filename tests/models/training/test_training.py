"""Training, on pictures that the test makes: it learns, it is repeatable, and it goes on where it was stopped."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from models.onnx_session import OnnxSession  # noqa: E402
from models.training import age_gender, emotion  # noqa: E402
from models.training.augment import Augmentation, augment, centre  # noqa: E402
from models.training.export import AgeGenderModel, EmotionModel, export  # noqa: E402
from models.training.face_net import FaceNet  # noqa: E402
from models.training.trainer import Recipe, Trainer, learning_rate  # noqa: E402

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


def trainer(data: Path, checkpoint: Path) -> Trainer:
    torch.manual_seed(3)
    net = FaceNet(1, 8, 2, (16, 16), (1, 1), {"emotion": 7}, dropout=0.0)
    return Trainer(net, emotion.Emotion(data), QUICK, checkpoint)


def test_a_training_that_was_stopped_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    data = small_data(tmp_path / "data.npz")
    whole: list[str] = []
    trainer(data, tmp_path / "whole.pt").run(whole.append)
    parts: list[str] = []
    for number in range(4):
        again = trainer(data, tmp_path / "parts.pt")
        assert again.epoch == number
        # The clock is looked at between epochs: next to no time is one epoch.
        while again.epoch == number:
            again.run(parts.append, minutes=1e-6)
    assert [line.split(" (")[0] for line in parts] == [line.split(" (")[0] for line in whole]


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


@pytest.mark.parametrize(("net", "channels", "size"), [(emotion.new_net(), 1, 48), (age_gender.new_net(), 3, 64)])
def test_our_nets_fit_into_four_megabytes_together(net: FaceNet, channels: int, size: int) -> None:
    weights = sum(value.numel() for value in net.parameters())
    # At two bytes a weight.
    assert 2 * weights < 2_200_000
    answers = net.eval()(torch.zeros(2, channels, size, size))
    assert all(answer.shape[0] == 2 for answer in answers.values())


@pytest.mark.parametrize(
    ("model", "channels", "size"),
    [(EmotionModel(emotion.new_net()), 1, 48), (AgeGenderModel(age_gender.new_net()), 3, 64)],
)
def test_what_is_exported_says_what_the_net_says_in_batches_of_any_size(
    model: EmotionModel | AgeGenderModel, channels: int, size: int, tmp_path: Path
) -> None:
    path = tmp_path / "net.onnx"
    export(model, channels, size, path)
    assert path.stat().st_size < 2_300_000
    session = OnnxSession(path, "cpu")
    assert session.input_shape == (None, channels, size, size)
    crops = np.random.default_rng(0).uniform(0, 255, (5, channels, size, size)).astype(np.float32)
    together = session.run(crops)
    for number in range(5):
        for whole, alone in zip(together, session.run(crops[number : number + 1]), strict=True):
            assert np.allclose(whole[number], alone[0], atol=1e-4)
