"""A network's maps drawn over the picture: confidence as heat, affinity fields as hues."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from engines.types.arrays import Floats, Image
from engines.types.poses import Maps
from engines.types.skeleton import Skeleton
from engines.types.skeleton_groups import core
from realtime.drawing.skeletons import LIMB_OPACITY, draw
from realtime.types.results import Tracks
from realtime.types.view_mode import PLAIN, Style, ViewMode

MAX_OPACITY = 0.8  # of a map over the picture
OPAQUE_STRENGTH = 0.3  # a confidence, or length of a field's vector, that has that opacity


def draw_view(
    image: Image,
    tracks: Tracks,
    maps: Maps | None,
    mode: ViewMode,
    threshold: float = 0.0,
    style: Style = PLAIN,
) -> Image:
    """A new picture with what the view shows: the people where there are no maps."""
    if style.backdrop == "black":
        image = np.zeros_like(image)
    if maps is None or not mode.of_maps:
        return draw(image, confident(tracks, threshold), limb_opacity(style))
    return draw_maps(image, maps, mode, tracks.poses.skeleton, style)


def limb_opacity(style: Style) -> float:
    """Nothing is to shine through on black."""
    if style.opacity is not None:
        return style.opacity
    return LIMB_OPACITY if style.backdrop == "image" else 1.0


def draw_maps(
    image: Image, maps: Maps, mode: ViewMode, skeleton: Skeleton, style: Style = PLAIN
) -> Image:
    """A new picture: it shines through where the map is low.

    Heat goes from blue to red. The hue of a field is its direction: red points to the right,
    green-yellow down, cyan to the left, violet up; where limbs cross, the longer vector is seen.
    """
    network = core(skeleton)  # hands and faces that others find have no maps here
    if mode.kind in ("pafs", "paf"):
        limbs = list(range(len(maps.channels)))
        if mode.kind == "paf":
            limbs = [n for n, ends in enumerate(network.limbs) if mode.part in ends]
        x, y = strongest(maps, limbs)
        x, y = _enlarged(x, maps), _enlarged(y, maps)
        strength, hue = (np.asarray(one, np.float32) for one in cv2.cartToPolar(x, y))
        hsv = np.full((*strength.shape, 3), 255, np.uint8)
        hsv[..., 0] = np.rint(hue * (90 / np.pi)) % 180
        colours = cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)
    else:
        strength = _enlarged(_confidence(maps, mode, len(network.keypoints)), maps)
        levels = np.rint(255 * np.clip(strength, 0, 1)).astype(np.uint8)
        colours = cv2.applyColorMap(levels, cv2.COLORMAP_JET)
    size = image.shape[1], image.shape[0]
    most = np.float32(MAX_OPACITY if style.opacity is None else style.opacity)
    cover = cv2.resize(np.clip(strength / OPAQUE_STRENGTH, 0, 1) * most, size)
    return np.asarray(cv2.blendLinear(cv2.resize(colours, size), image, cover, 1 - cover), np.uint8)


def _confidence(maps: Maps, mode: ViewMode, keypoints: int) -> Floats:
    """(h, w) the map, or what is made of several."""
    parts = maps.heatmaps[:keypoints]
    if mode.kind == "part":
        # A keypoint that another network finds has no map.
        return parts[mode.part] if mode.part < len(parts) else np.zeros_like(parts[0])
    if mode.kind == "sum":
        return np.asarray(parts.sum(axis=0), np.float32)
    if mode.kind == "heatmaps":
        return np.asarray(parts.max(axis=0), np.float32)
    if len(maps.heatmaps) > keypoints:
        return np.asarray(maps.heatmaps[keypoints], np.float32)
    return np.asarray(1 - parts.max(axis=0), np.float32)  # as networks learn it (CVPR'17)


def strongest(maps: Maps, limbs: Sequence[int]) -> tuple[Floats, Floats]:
    """(h, w) x and y of the longest of these limbs' vectors in each cell."""
    channels = np.array(maps.channels)[list(limbs)]
    if not len(channels):
        return np.zeros_like(maps.pafs[0]), np.zeros_like(maps.pafs[0])
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


def confident(tracks: Tracks, threshold: float) -> Tracks:
    """Without the keypoints of less confidence."""
    if threshold <= 0 or not len(tracks):
        return tracks
    xy = np.where((tracks.poses.score < threshold)[..., None], np.float32(np.nan), tracks.poses.xy)
    return replace(tracks, poses=replace(tracks.poses, xy=xy))
