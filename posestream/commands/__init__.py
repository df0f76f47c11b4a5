"""What `python -m engines` and `python -m calibration` do: above all packages, imported by none."""
