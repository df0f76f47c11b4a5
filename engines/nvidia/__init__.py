"""TensorRT engines, CUDA streams, the driver and its compiler."""
