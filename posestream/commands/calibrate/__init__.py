"""The commands of `python -m calibration`: one file each, `Options` and what `run` does."""
