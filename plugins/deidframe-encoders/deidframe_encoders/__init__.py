"""Encoders `onnx`, `pca` and `pixels`."""
