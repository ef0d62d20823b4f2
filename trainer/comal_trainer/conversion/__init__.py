"""From a trained model to ONNX, with a proof that both answer alike."""
