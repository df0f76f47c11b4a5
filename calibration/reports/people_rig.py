"""How well a rig from people fits, and which camera is weak."""

from __future__ import annotations

import numpy as np

from calibration.geometry.camera import Rig
from calibration.people.extrinsics import PeopleExtrinsics
from calibration.people.self_calibration import RigUncertainty

# Of the people that cameras share as a rule, below which a link is called weak (rule of thumb).
WEAK_LINK_SHARE = 0.4
# Of a camera's people found in others, below which the verdict says so (rule of thumb).
FEW_MATCHED_SHARE = 0.5
POOR_ROTATION_SIGMA = np.radians(0.5)  # 0.5 degrees are 4 cm at 5 m


def people_report(found: PeopleExtrinsics, rig: Rig, tall: float) -> str:
    """How the cameras were joined, how well all fits, and what is weak."""
    names = [camera.name for camera in rig.cameras]
    lines = [f"{len(found.xyz)} of {found.gathered} matched people used (each in one frame)"]
    for link in found.tree:
        tracks = len(link.tracks)
        lines.append(
            f"joined by {names[link.first]} and {names[link.second]}: {tracks} pairs of "
            f"tracks, {len(link.view.couples)} poses in common"
        )
    for n, name in enumerate(names):
        known = np.isfinite(found.error[n])
        own = found.error[n][found.used[n]]
        lines.append(
            f"{name:14} {np.sqrt((own**2).mean()):.2f} px (RMS), {len(own) / known.sum():.0%} "
            f"of {known.sum()} keypoints fit; at {np.round(rig.centres[n], 2).tolist()} m"
        )
    lines.append(f"a rig of {len(names)} cameras; reprojection error {found.rms:.2f} px (RMS)")
    if np.isfinite(tall):
        lines.append(f"people         {tall:.2f} m tall on average")
    if found.uncertainty is not None:
        lines += lenses(found.uncertainty, rig)
    lines.append(f"verdict        {verdict(found, names)}")
    return "\n".join(lines) + "\n"


def lenses(uncertainty: RigUncertainty, rig: Rig) -> list[str]:
    """What the lenses were guessed to be, and what that is worth."""
    lines = [
        f"{camera.name:14} focal length {camera.matrix[0, 0]:.0f} px +- {off:.1%}"
        for camera, off in zip(rig.cameras, uncertainty.focal, strict=True)
    ]
    return [
        *lines,
        "lenses         estimated from people, with the principal point at the picture "
        f"centre: camera directions are known to {np.degrees(uncertainty.turns.max()):.1f} degrees "
        f"and positions to {uncertainty.moves.max():.1%} of the largest camera distance (standard "
        "deviations, relative to the first camera); calibrated lenses (--intrinsics) give a "
        "much better rig",
    ]


def verdict(found: PeopleExtrinsics, names: list[str]) -> str:
    """Which link is weak, in words."""
    worst_matched = int(found.matched.argmin())
    if found.matched[worst_matched] < FEW_MATCHED_SHARE:
        return (
            f"doubtful: only {found.matched[worst_matched]:.0%} of the people seen by "
            f"{names[worst_matched]} were found in other cameras; unless these look elsewhere, "
            "check that the sources are synchronised and in the order of the intrinsics"
        )
    shared = found.shared - np.diag(found.shared.diagonal())
    most = shared.sum(1)
    weakest = int(most.argmin())
    if most[weakest] < WEAK_LINK_SHARE * np.median(most):
        other = names[int(shared[weakest].argmax())]
        return (
            f"{names[weakest]} is the weakest link: it shares {most[weakest]} poses with other "
            f"cameras (most with {other}), where the others share {np.median(most):.0f}; film "
            "more people where it and another camera see them"
        )
    if found.uncertainty is not None:
        return "usable where accuracy does not matter: the lenses were estimated, not calibrated"
    if found.turns.max() > POOR_ROTATION_SIGMA:
        worst = int(found.turns.argmax())
        return (
            f"the direction of {names[worst]} is known only to "
            f"{np.degrees(found.turns[worst]):.1f} degrees; film more people, near and far and "
            "on all sides"
        )
    return "good: all cameras share enough people"
