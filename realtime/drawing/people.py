"""One view of a result as a picture: its people or maps, the 3D people, and numbers."""

from __future__ import annotations

from engines.types.arrays import Floats, Image
from realtime.drawing.heatmaps import draw_view
from realtime.drawing.movements import write_movements
from realtime.drawing.numbers import Numbers, write_angles
from realtime.drawing.reprojection import Reprojection, draw_outlines, replaced
from realtime.drawing.scaling import scaled
from realtime.types.results import Poses3D, Result, Tracks, View
from realtime.types.view_mode import Style, ViewMode


def draw_people(
    view: View,
    number: int,
    result: Result,
    mode: ViewMode,
    threshold: float,
    style: Style,
    scale: float = 1.0,
    *,
    bodies: Reprojection | None = None,
    angles: bool = False,
    events: bool = False,
) -> Image:
    """A new picture of the result's view with this number, so many times as large as its frame.

    It is scaled before it is drawn upon: lines stay fine, and it is cheaper. bodies: places the 3D
    people, each of whom has one skeleton, as style.people3d says. angles, events: whether to write
    them, where there is room.
    """
    image, tracks, seen = with_3d_people(view, number, result, style, scale, bodies)
    picture = draw_view(image, tracks, view.maps, mode, threshold, style)
    if seen is not None and (style.people3d == "outline" or mode.of_maps):
        draw_outlines(picture, *seen)
    numbers = Numbers(picture)
    if events:
        write_movements(numbers, tracks, result.movements[number])
    if angles:
        write_angles(numbers, tracks)
    return picture


def with_3d_people(
    view: View,
    number: int,
    result: Result,
    style: Style,
    scale: float,
    bodies: Reprojection | None,
) -> tuple[Image, Tracks, tuple[Floats, Poses3D] | None]:
    """The view's picture and people, so many times as large, and where the 3D people lie in it, of
    whom (S, K, 2) pixels; None without any. Where those alone are shown they are the people.
    """
    image, tracks = scaled(view, scale)
    poses = result.poses3d
    if bodies is None or poses is None or not len(poses) or style.people3d == "off":
        return image, tracks, None
    xy = bodies.place(number, view, poses, (image.shape[1], image.shape[0]))
    if style.people3d == "only":
        tracks = replaced(tracks, poses, xy)
    return image, tracks, (xy, poses)
