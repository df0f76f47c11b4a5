"""From OpenVINO's files to ONNX, and from fp32 to fp16."""
