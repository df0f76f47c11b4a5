"""Frames, results and errors: what every room speaks of."""
