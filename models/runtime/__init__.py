"""Network runtimes: onnxruntime on the first provider that starts, or cv2.dnn."""
