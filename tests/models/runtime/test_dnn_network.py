"""Caffe files run through cv2.dnn and match OpenCV's own loop."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from framewire.models.catalogue.model_entry import Head, ModelInput
from framewire.models.classifiers.classifier import Classifier
from framewire.models.runtime.dnn_network import DnnNetwork
from framewire.models.runtime.network import ModelError
from framewire.models.runtime.provider import RuntimeMissingError
from tests.models.caffe import write_caffe

SIDE = 8
MEAN = (78.4263377603, 87.7689143744, 114.895847746)
FACTS = ModelInput(height=SIDE, width=SIDE, order="BGR", mean=MEAN, shrinking="linear")
HEAD = Head(attribute="gender", labels=("Male", "Female"))


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    weights = np.random.default_rng(0).normal(0, 0.003, (2, 3 * SIDE * SIDE)).astype(np.float32)
    return write_caffe(tmp_path, "net", weights, SIDE)


def test_it_says_what_opencvs_loop_says_in_batches_of_any_size(files: tuple[Path, Path]) -> None:
    net = cv2.dnn.readNetFromCaffe(str(files[1]), str(files[0]))
    rng = np.random.default_rng(1)
    pictures = [rng.integers(0, 256, (30 + 7 * n, 40, 3), np.uint8) for n in range(9)]
    network = DnnNetwork(*files, "cpu")
    told = Classifier(network, FACTS, [HEAD]).classify(pictures)
    words = set()
    for picture, answer in zip(pictures, told, strict=True):
        net.setInput(cv2.dnn.blobFromImage(picture, 1.0, (SIDE, SIDE), MEAN, swapRB=False))
        (row,) = net.forward()
        assert answer["gender"].label == HEAD.labels[row.argmax()]
        assert answer["gender"].score == pytest.approx(float(row.max()), abs=1e-5)
        words.add(answer["gender"].label)
    assert words == set(HEAD.labels)
    assert (network.provider, network.fallback) == ("cv2.dnn", "")


def test_spoilt_files(files: tuple[Path, Path]) -> None:
    weights, graph = files
    graph.write_text('layer { type: "Nonsense"')
    with pytest.raises(ModelError, match=r"net\.caffemodel and net\.prototxt are not a network that OpenCV can read"):
        DnnNetwork(weights, graph)


def test_weights_that_are_cut_short(files: tuple[Path, Path]) -> None:
    weights, graph = files
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(ModelError, match=r"net\.caffemodel"):
        Classifier(DnnNetwork(weights, graph), FACTS, [HEAD])


def test_labels_that_do_not_fit(files: tuple[Path, Path]) -> None:
    with pytest.raises(ModelError, match=r"gives 2 answers, but there are 3 labels"):
        Classifier(DnnNetwork(*files), FACTS, [Head(attribute="gender", labels=("a", "b", "c"))])


def test_a_device_that_this_opencv_has_not(files: tuple[Path, Path]) -> None:
    with pytest.raises(RuntimeMissingError, match=r"net\.caffemodel runs on cv2\.dnn"):
        DnnNetwork(*files, "openvino")
