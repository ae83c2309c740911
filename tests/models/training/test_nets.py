"""Every net of the list: trains, exports, and its file says what the net says."""

from pathlib import Path

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra `train` is not installed")

from framewire.models.catalogue.model_card import ModelCard  # noqa: E402
from framewire.models.catalogue.model_entry import Head, ModelInput  # noqa: E402
from framewire.models.classifiers.classifier import Classifier  # noqa: E402
from framewire.models.runtime.onnx_session import OnnxSession  # noqa: E402
from framewire.models.runtime.provider import Execution  # noqa: E402
from framewire.models.training.classify import Classification, Pictures, Style, augmentation  # noqa: E402
from framewire.models.training.files.own_file import ExportError, OwnModel, Sample, write_own  # noqa: E402
from framewire.models.training.nets.known_nets import KNOWN_NETS, NetName  # noqa: E402
from framewire.models.training.nets.new_net import new_net  # noqa: E402

HEADS = (
    Head(attribute="a.b", labels=("x", "y", "z"), output="scores", answer="scores"),
    Head(attribute="size", labels=("big", "small"), output="scores1", answer="scores"),
)
OUTPUTS = ("scores", "scores1")


def sample(channels: int, side: int, count: int = 24) -> Sample:
    rng = np.random.default_rng(0)
    labels = np.stack([rng.integers(0, 3, count), rng.integers(-1, 2, count)], 1)
    return Sample(rng.integers(0, 256, (count, channels, side, side), np.uint8), labels)


@pytest.mark.parametrize("net", list(NetName))
@pytest.mark.parametrize("channels", [1, 3])
def test_the_file_says_what_the_net_says(net: NetName, channels: int, tmp_path: Path) -> None:
    side = KNOWN_NETS[net].least + 5 * (channels == 3)
    torch.manual_seed(1)
    made = new_net(net, channels, side, {"scores": 3, "scores1": 2})
    data = sample(channels, side)
    pictures = Pictures(data.inputs, data.labels)
    task = Classification(
        {"scores": "a.b", "scores1": "size"}, pictures, pictures, Style(how=augmentation(side, False))
    )
    optimizer = torch.optim.SGD(made.parameters(), lr=0.01)
    for seed in range(3):
        loss = task.loss(made, torch.arange(24), torch.Generator().manual_seed(seed))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert bool(torch.isfinite(loss))
    card = ModelCard(
        name="n",
        task="classify",
        net=str(net),
        input=ModelInput(height=side, width=side, order="grey" if channels == 1 else "BGR"),
        heads=HEADS,
    )
    said: list[str] = []
    done = write_own(OwnModel(made, OUTPUTS), card, data, data, tmp_path / "n.onnx", "32", said.append)
    assert done.bits == 32
    assert [one.count for one in done.figures] == [24, int((data.labels[:, 1] >= 0).sum())]
    assert [path.name for path in tmp_path.iterdir()] == ["n.onnx"]
    told = OnnxSession(tmp_path / "n.onnx", Execution("cpu")).run(data.inputs.astype(np.float32))
    with torch.inference_mode():
        wanted = OwnModel(made.eval(), OUTPUTS)(torch.from_numpy(data.inputs.astype(np.float32)))
    for one, other in zip(told, wanted, strict=True):
        assert np.abs(one - other.numpy()).max() <= 1e-4
    # And in a pipeline's way, from pictures as they are decoded.
    shown = [one.transpose(1, 2, 0) for one in data.inputs]
    pictures_bgr = [np.asarray(cv2.cvtColor(one, cv2.COLOR_GRAY2BGR)) if channels == 1 else one for one in shown]
    answers = Classifier(OnnxSession(tmp_path / "n.onnx", Execution("cpu")), card.input, HEADS).classify(pictures_bgr)
    for head, scores in zip(HEADS, wanted, strict=True):
        best = scores.max(1).values.tolist()
        assert [answer[head.attribute].score for answer in answers] == pytest.approx(best, abs=1e-4)
    small = write_own(OwnModel(made, OUTPUTS), card, data, data, tmp_path / "n.onnx", "8", said.append)
    assert small.bits == 8
    assert "8 bits, as asked" in said[-1]


def test_a_file_that_says_something_else_is_no_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("framewire.models.training.files.own_file.CLOSE", -1.0)
    net = new_net(NetName.LENET, 1, 8, {"scores": 3, "scores1": 2})
    card = ModelCard(
        name="n", task="classify", net="lenet", input=ModelInput(height=8, width=8, order="grey"), heads=HEADS
    )
    with pytest.raises(ExportError, match="differs"):
        write_own(OwnModel(net, OUTPUTS), card, sample(1, 8), sample(1, 8), tmp_path / "n.onnx", "32", print)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("bits", ["8", "auto"])
def test_what_cannot_be_quantised_stays_whole(bits: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*given: object) -> None:
        raise TypeError("no such operation")

    monkeypatch.setattr("framewire.models.training.files.own_file.quantise", fail)
    net = new_net(NetName.LENET, 1, 8, {"scores": 3, "scores1": 2})
    card = ModelCard(
        name="n", task="classify", net="lenet", input=ModelInput(height=8, width=8, order="grey"), heads=HEADS
    )
    said: list[str] = []

    def write() -> ModelCard:
        data = sample(1, 8)
        return write_own(OwnModel(net, OUTPUTS), card, data, data, tmp_path / "n.onnx", bits, said.append)  # type: ignore[arg-type]

    if bits == "8":
        with pytest.raises(ExportError, match="no such operation"):
            write()
        assert list(tmp_path.iterdir()) == []
    else:
        assert write().bits == 32
        assert "32 bits kept" in said[-1]
