"""A model in OpenCV's own runtime, cv2.dnn: for Caffe and TensorFlow files, which onnxruntime does not read."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from framewire.models.runtime.network import ModelError, Network
from framewire.models.runtime.provider import Device, RuntimeMissingError

RANK = 4
"""cv2.dnn takes blobs of pictures: (n, channels, height, width)."""


class DnnNetwork(Network):
    """A Network in two files, weights and graph, which do not give the shape of its input."""

    def __init__(self, weights: Path, graph: Path, device: Device = "auto") -> None:
        """Load the files. Raises ModelError, RuntimeMissingError."""
        read = cv2.dnn.readNetFromCaffe if weights.suffix == ".caffemodel" else _read_tensorflow
        try:
            self._net = read(str(graph), str(weights))
        except cv2.error as error:
            raise ModelError(
                f"{weights} and {graph.name} are not a network that OpenCV can read: {error.err}"
            ) from error
        self.path = weights
        self.device, self.provider = "cpu", "cv2.dnn"
        self.fallback = self._place(device)
        self.input_shape = (None,) * RANK
        self.outputs = dict.fromkeys(self._net.getUnconnectedOutLayersNames(), (None,))

    def run(self, batch: NDArray[np.float32], outputs: Sequence[str] | None = None) -> list[NDArray[np.float32]]:
        """See Network."""
        try:
            self._net.setInput(batch)
            answers = self._net.forward(list(outputs or self.outputs))
        except cv2.error as error:
            raise ModelError(f"{self.path} fails on an input of {batch.shape}: {error.err}") from error
        return [np.asarray(answer, np.float32) for answer in answers]

    def last_operation(self, output: str) -> str:
        """See Network."""
        return str(self._net.getLayer(self._net.getLayerId(output)).type)

    def _place(self, device: Device) -> str:
        """Put the network on a GPU if this OpenCV can; return why it is not there."""
        has_cuda = cv2.dnn.DNN_TARGET_CUDA in cv2.dnn.getAvailableTargets(cv2.dnn.DNN_BACKEND_CUDA)
        if device in ("cuda", "auto") and has_cuda:
            self._net.setPreferableBackend(cv2.dnn.DNN_BACKEND_CUDA)
            self._net.setPreferableTarget(cv2.dnn.DNN_TARGET_CUDA)
            self.device, self.provider = "cuda", "cv2.dnn on CUDA"
            return ""
        if device in ("auto", "cpu"):
            return "this OpenCV has no CUDA" if device == "auto" else ""
        raise RuntimeMissingError(
            f"device {device} was requested, but {self.path.name} runs on cv2.dnn, "
            f"which has only {'cuda and cpu' if has_cuda else 'cpu'} here; use device: auto"
        )


def _read_tensorflow(graph: str, weights: str) -> cv2.dnn.Net:
    return cv2.dnn.readNetFromTensorflow(weights, graph)
