"""From a trained net to one .onnx with its card: exported, checked, in eight bits where that holds."""
