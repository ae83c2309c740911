"""Object detectors: any ONNX file whose outputs are of a head that is known."""
