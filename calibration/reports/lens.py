"""How well a lens is known: reprojection error, standard deviations and the verdict."""

from __future__ import annotations

from calibration.board.intrinsics import Intrinsics
from calibration.reports.lens_verdict import verdict


def lens_report(found: Intrinsics, count: int) -> tuple[str, bool]:
    """Figures, then words; and whether the verdict is that the lens is poorly known."""
    matrix, off = found.camera.matrix, found.deviations
    tried = ", ".join(f"{model} {error:.3f}" for model, error in found.tried.items())
    first, *more = verdict(found)
    lines = [
        f"{found.camera.name}: {len(found.views)} of {count} views used, {found.blurred} blurred "
        f"or unusable, {found.wild} corners left out",
        f"lens           {found.model} (RMS in px on held-out views, before outliers were "
        f"removed: {tried})",
        f"reprojection error {found.rms:.3f} px (RMS), {found.held_out:.3f} px on held-out views",
        f"focal lengths  {matrix[0, 0]:.1f} +- {off[0]:.1f}, {matrix[1, 1]:.1f} +- {off[1]:.1f} px",
        f"centre         {matrix[0, 2]:.1f} +- {off[2]:.1f}, {matrix[1, 2]:.1f} +- {off[3]:.1f} px",
        f"verdict        {first}",
        *(f"               {line}" for line in more),
    ]
    return "\n".join(lines) + "\n", first.startswith("poor")
