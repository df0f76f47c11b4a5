"""Maps averaged over several sizes of the picture, and over its mirror image: slower, and better.

OpenPose's multi-scale test (--scale_number, --scale_gap; CVPR'17, section 3.1) and the flip test
that is usual on COCO. A keypoint that one size shows poorly another shows well.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

import numpy as np

from engines.decoders.paf import PafDecoder, paf_decoder
from engines.estimator import Estimator
from engines.models.card import Card
from engines.types.arrays import Doubles, Floats, Image, Indices
from engines.types.errors import CardError
from engines.types.evidence import Evidence
from engines.types.letterbox import Letterbox
from engines.types.network_input import MAX_SIDE
from engines.types.poses import Maps
from engines.types.skeleton import Skeleton

CUBIC = -0.75  # the slope of the kernel at one cell: OpenCV's
OpenAt = Callable[[Card, int | None], Estimator]  # a card and the height of its input


class Averaged:
    """An Estimator around one for each size; people are made of the mean of their maps.

    sizes: whose evidence brings its maps along, the largest first: the mean is in its cells. flip:
    look at each picture mirrored as well. keep_maps: as of any estimator; the maps are the mean.
    """

    def __init__(
        self, sizes: Sequence[Estimator], *, flip: bool, keep_maps: Callable[[], bool]
    ) -> None:
        self._sizes, self._keep_maps = sizes, keep_maps
        self._decoder = paf_decoder(sizes[0].decoder, "the mean of maps")
        self._mirror = mirrored_channels(self._decoder) if flip else None
        self._flying: deque[list[tuple[int, int]]] = deque()

    @property
    def decoder(self) -> PafDecoder:
        return self._decoder

    @property
    def depth(self) -> int:
        return min(one.depth for one in self._sizes)

    def submit(self, images: Sequence[Image]) -> None:
        """Start on a set of (H, W, 3) BGR pictures, of any sizes."""
        self._flying.append([(image.shape[1], image.shape[0]) for image in images])
        flipped = [np.ascontiguousarray(image[:, ::-1]) for image in images if self._mirror]
        for one in self._sizes:
            one.submit([*images, *flipped])

    def result(self) -> list[Evidence]:
        """The evidence of the oldest set in flight, in picture pixels."""
        pictures = self._flying.popleft()
        found = [[_maps(one) for one in size.result()] for size in self._sizes]
        keep = self._keep_maps()
        evidence: list[Evidence] = []
        for n, picture in enumerate(pictures):
            flipped = len(pictures) + n if self._mirror else n
            maps = self._mean([(size[n], size[flipped]) for size in found])
            high, wide = maps.heatmaps.shape[1:]
            box = Letterbox(picture, maps.scaled, (wide * maps.stride, high * maps.stride))
            one = self._decoder.candidates(maps.heatmaps, maps.pafs, box)
            evidence.append(replace(one, maps=maps) if keep else one)
        return evidence

    def close(self) -> None:
        """Wait for what is in flight and let the device go."""
        with ExitStack() as stack:
            for one in self._sizes:
                stack.callback(one.close)

    def _mean(self, sizes: Sequence[tuple[Maps, Maps]]) -> Maps:
        """Of each size's maps, and those of the mirrored picture."""
        like = sizes[0][0]
        heatmaps, pafs = like.heatmaps.copy(), like.pafs.copy()
        for n, (plain, flipped) in enumerate(sizes):
            if n:
                heatmaps += _in_cells_of(like, plain.heatmaps, plain)
                pafs += _in_cells_of(like, plain.pafs, plain)
            if self._mirror:
                for whole, turned in zip((heatmaps, pafs), self._mirror.of(flipped), strict=True):
                    whole += _in_cells_of(like, turned, flipped, mirrored=True)
        count = np.float32(len(sizes) * (2 if self._mirror else 1))
        return replace(like, heatmaps=heatmaps / count, pafs=pafs / count)


def open_averaged(
    card: Card,
    height: int | None,
    scales: Sequence[float],
    open_at: OpenAt,
    *,
    flip: bool,
    keep_maps: Callable[[], bool],
) -> Averaged:
    """The mean over inputs that are so many times as high as the card's, or as `height`.

    open_at: gives an Estimator that keeps its maps. CardError where the model has no maps, or only
    one size of input.
    """
    sizes = [at_scale(card, height, one) for one in sorted(scales, reverse=True)]
    with ExitStack() as stack:
        found = []
        for one in sizes:
            estimator = open_at(*one)
            stack.callback(estimator.close)
            found.append(estimator)
        averaged = Averaged(found, flip=flip, keep_maps=keep_maps)
        stack.pop_all()
    return averaged


def check_averaged(card: Card, height: int | None, scales: Sequence[float], *, flip: bool) -> None:
    """CardError, with what the user may do, where a model's maps cannot be averaged so."""
    decoder = card.decoder
    if not isinstance(decoder, PafDecoder):
        option = "--flip-test" if flip else "--scales"
        raise CardError(
            f"{card.name} gives {decoder.gives} and has no maps to average; leave out {option}."
        )
    for one in scales:
        at_scale(card, height, one)
    if flip:
        mirrored_channels(decoder)


def at_scale(card: Card, height: int | None, scale: float) -> tuple[Card, int | None]:
    """The card, or the user's height, for an input this many times as large."""
    entry = card.input
    if scale == 1:
        return card, height
    own = height or entry.height or entry.longer
    if own is None or entry.size:
        raise CardError(
            f"{card.name} takes pictures of {entry.size[0]}x{entry.size[1]} alone; leave out "
            "--scales."
        )
    side = round(own * scale / entry.stride) * entry.stride
    if not entry.stride <= side <= MAX_SIDE:
        raise CardError(
            f"--scales {scale:g} of a network input of {own} pixels is {side}; it must be from "
            f"{entry.stride} to {MAX_SIDE}."
        )
    if height is not None:
        return card, side
    # Not as if the user had named it: upright pictures get more rows than others.
    rows = entry.height is not None
    sized = replace(entry, height=side) if rows else replace(entry, longer=side)
    return replace(card, input=sized), None


@dataclass(frozen=True, slots=True, eq=False)
class Mirror:
    """Where each map's counterpart lies among the maps of the mirrored picture.

    heatmaps: (K,) of each keypoint. pafs, signs: (N,) of each channel of the fields, and -1 where
    what points to the right there points to the left here.
    """

    heatmaps: Indices
    pafs: Indices
    signs: Floats

    def of(self, maps: Maps) -> tuple[Floats, Floats]:
        """Both kinds of a mirrored picture's maps under the names they have in the picture; what a
        network has beside (the background) stays where it is.
        """
        heatmaps, pafs = maps.heatmaps.copy(), maps.pafs.copy()
        heatmaps[: len(self.heatmaps)] = maps.heatmaps[self.heatmaps]
        pafs[: len(self.pafs)] = maps.pafs[self.pafs] * self.signs[:, None, None]
        return heatmaps, pafs


def mirrored_channels(decoder: PafDecoder) -> Mirror:
    """Of a network with this decoder; CardError where a limb has none on the other side."""
    skeleton = decoder.skeleton
    mirror, limbs = skeleton.mirror, list(skeleton.limbs)
    count = 1 + max(max(pair) for pair in decoder.channels)
    pafs, signs = np.arange(count), np.ones(count, np.float32)
    for n, (a, b) in enumerate(limbs):
        other = mirror[a], mirror[b]
        if other not in limbs and other[::-1] not in limbs:
            raise CardError(
                f"--flip-test needs limbs that are the same on both sides, but {skeleton.name} has "
                f"{_named(skeleton, (a, b))} without {_named(skeleton, other)}."
            )
        same = other in limbs
        counterpart = limbs.index(other if same else other[::-1])
        pafs[list(decoder.channels[n])] = decoder.channels[counterpart]
        signs[list(decoder.channels[n])] = (-1, 1) if same else (1, -1)
    return Mirror(np.array(mirror), pafs, signs)


def _named(skeleton: Skeleton, limb: tuple[int, int]) -> str:
    return " to ".join(skeleton.keypoints[end] for end in limb)


def _maps(evidence: Evidence) -> Maps:
    assert evidence.maps is not None
    return evidence.maps


def _in_cells_of(like: Maps, values: Floats, own: Maps, *, mirrored: bool = False) -> Floats:
    """(C, h, w) values of one picture in the cells of its other maps; mirrored: turned back."""
    across = _taps(like, own, 0, values.shape[2], mirrored)
    down = _taps(like, own, 1, values.shape[1], False)
    return np.asarray(down @ (values @ across.T), np.float32)


def _taps(like: Maps, own: Maps, axis: int, cells: int, mirrored: bool) -> Floats:
    """(N, cells) weights, of cubic interpolation, of the own cells in each of the others'."""
    count = like.heatmaps.shape[2 - axis]
    covered = own.scaled[axis] / own.stride  # cells that show the picture
    share = (np.arange(count) + 0.5) * like.stride / like.scaled[axis]
    places = covered * (1 - share if mirrored else share) - 0.5
    first = np.floor(places).astype(int)
    taps = np.zeros((count, cells), np.float32)
    for step in range(-1, 3):
        at = np.clip(first + step, 0, cells - 1)
        np.add.at(taps, (np.arange(count), at), _cubic(places - first - step))
    return taps


def _cubic(away: Doubles) -> Doubles:
    """The kernel of cubic convolution (Keys, 1981), up to two cells away."""
    x = np.abs(away)
    near = ((CUBIC + 2) * x - (CUBIC + 3)) * x * x + 1
    far = CUBIC * (((x - 5) * x + 8) * x - 4)
    return np.where(x <= 1, near, far)
