"""What runs a network: OpenVINO or PyTorch on the host, or all of it on the device."""
