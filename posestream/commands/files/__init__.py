"""The commands of `python -m posestream`."""
