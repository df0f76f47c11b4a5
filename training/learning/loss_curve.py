"""The course of a run as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path


def draw_curve(path: Path, points: Sequence[dict[str, float]]) -> None:
    """Loss, and likeness to the teacher on photos held back, over the crops seen so far."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    crops = [point["crops"] / 1000 for point in points]
    figure, (upper, lower) = pyplot.subplots(2, 1, sharex=True, figsize=(8, 6), layout="tight")
    upper.plot(crops, [point["loss"] for point in points], label="training, the network")
    upper.plot(crops, [point["check"] for point in points], label="held back, its slow average")
    upper.set_ylabel("loss")
    upper.set_yscale("log")
    upper.legend()
    lower.plot(crops, [point["correlation"] for point in points])
    lower.set_ylabel("correlation of the heat maps\nwith the teacher's, held back")
    lower.set_xlabel("thousand crops")
    for one in (upper, lower):
        one.grid(alpha=0.3)
    # Small crops first and larger ones later: their losses are not comparable.
    for before, after in pairwise(points):
        if before["size"] != after["size"]:
            upper.axvline(after["crops"] / 1000, color="grey", linestyle=":")
            place = after["crops"] / 1000, after["loss"]
            upper.annotate(f" {after['size']:.0f} px", place, rotation=60)
    figure.savefig(path, dpi=100)
    pyplot.close(figure)
