"""What runs a network: onnxruntime on the provider that really starts, or cv2.dnn."""
