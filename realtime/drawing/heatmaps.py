"""A network's maps drawn over the picture: confidence as heat, affinity fields as hues."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from engines.types.arrays import Floats, Image
from engines.types.poses import Maps
from realtime.drawing.skeletons import draw
from realtime.types.results import Tracks
from realtime.types.view_mode import ViewMode

MAX_OPACITY = 0.8  # of a map over the picture
OPAQUE_STRENGTH = 0.3  # a confidence, or length of a field's vector, that has that opacity


def draw_view(
    image: Image, tracks: Tracks, maps: Maps | None, mode: ViewMode, threshold: float = 0.0
) -> Image:
    """A new picture with what the view shows: the people where there are no maps."""
    if maps is None or not mode.of_maps:
        return draw(image, _confident(tracks, threshold))
    return draw_maps(image, maps, mode, len(tracks.poses.skeleton.keypoints))


def draw_maps(image: Image, maps: Maps, mode: ViewMode, keypoints: int) -> Image:
    """A new picture: it shines through where the map is low.

    Heat goes from blue to red. The hue of a field is its direction: red points to the right,
    green-yellow down, cyan to the left, violet up; where limbs cross, the longer vector is seen.
    """
    if mode.kind == "pafs":
        x, y = strongest(maps)
        x, y = _enlarged(x, maps), _enlarged(y, maps)
        strength, hue = (np.asarray(one, np.float32) for one in cv2.cartToPolar(x, y))
        hsv = np.full((*strength.shape, 3), 255, np.uint8)
        hsv[..., 0] = np.rint(hue * (90 / np.pi)) % 180
        colours = cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)
    else:
        parts = maps.heatmaps[:keypoints]
        strength = _enlarged(parts[mode.part] if mode.kind == "part" else parts.max(axis=0), maps)
        levels = np.rint(255 * np.clip(strength, 0, 1)).astype(np.uint8)
        colours = cv2.applyColorMap(levels, cv2.COLORMAP_JET)
    size = image.shape[1], image.shape[0]
    cover = cv2.resize(np.clip(strength / OPAQUE_STRENGTH, 0, 1) * np.float32(MAX_OPACITY), size)
    return np.asarray(cv2.blendLinear(cv2.resize(colours, size), image, cover, 1 - cover), np.uint8)


def strongest(maps: Maps) -> tuple[Floats, Floats]:
    """(h, w) x and y of the longest of all limbs' vectors in each cell."""
    channels = np.array(maps.channels)
    x, y = maps.pafs[channels[:, 0]], maps.pafs[channels[:, 1]]
    longest = (x * x + y * y).argmax(axis=0)[None]
    return np.take_along_axis(x, longest, 0)[0], np.take_along_axis(y, longest, 0)[0]


def _enlarged(one: Floats, maps: Maps) -> Floats:
    """(h, w) cells -> network pixels, without the padding beside the picture."""
    high, wide = one.shape
    size = wide * maps.stride, high * maps.stride
    wide, high = maps.scaled
    whole = cv2.resize(one, size, interpolation=cv2.INTER_CUBIC)
    return np.asarray(whole[:high, :wide], np.float32)


def _confident(tracks: Tracks, threshold: float) -> Tracks:
    """Without the keypoints of less confidence."""
    if threshold <= 0 or not len(tracks):
        return tracks
    xy = np.where((tracks.poses.score < threshold)[..., None], np.float32(np.nan), tracks.poses.xy)
    return replace(tracks, poses=replace(tracks.poses, xy=xy))
