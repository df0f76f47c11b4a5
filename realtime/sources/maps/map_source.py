"""A folder of --heatmaps as a source: its people are made of the maps, no network runs."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np

from engines.decoders.paf import PafDecoder
from engines.types.arrays import Image
from engines.types.letterbox import Letterbox
from engines.types.poses import Poses
from engines.types.skeleton import Skeleton
from realtime.sources.listing.file_names import unique_names
from realtime.sources.listing.skip_unreadable import readable
from realtime.sources.maps.map_files import read_maps
from realtime.types.errors import SourceError
from realtime.types.frames import Frame

Size = tuple[int, int]
DEFAULT_FPS = 30.0  # where nobody says


@dataclass(frozen=True, slots=True)
class MapReading:
    """How maps are read: the decoder of the model that made them, and where a picture of a size lay
    in its input.
    """

    decoder: PafDecoder
    place: Callable[[Size], Letterbox]


class MapSource:
    """Files of maps, one a frame, as poses upon black pictures.

    size: (width, height) of the pictures that the network looked at, else what `fitting` says when
    the source is entered; SourceError where nobody knows. rate: fps.
    """

    live = False

    def __init__(
        self,
        name: str,
        paths: Sequence[str],
        chosen: range,
        reading: MapReading,
        *,
        size: Size | None = None,
        fitting: Callable[[], Size | None] | None = None,
        rate: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.rate: float | None = rate or DEFAULT_FPS
        self.skeleton: Skeleton | None = reading.decoder.skeleton
        self._notes: list[str] = []
        self.notes: Sequence[str] = self._notes
        self._reading, self._size, self._fitting, self._clock = reading, size, fitting, clock
        names = [re.sub(r"_pose_heatmaps$", "", stem) for stem in unique_names(paths)]
        files = [*enumerate(zip(paths, names, strict=True))]
        self._files = files[chosen.start : chosen.stop : chosen.step]
        self.total: int | None = len(self._files)
        if not self._files:
            raise SourceError(
                f"--start {chosen.start} leaves nothing: {name} has {len(paths)} files of maps."
            )
        if rate is None:
            self._notes.append(
                f"{name}: heat maps do not contain the frame rate; assuming {DEFAULT_FPS:g} fps "
                "(set it with --camera-fps)."
            )
        self._black: Image = np.zeros((0, 0, 3), np.uint8)

    def __enter__(self) -> Self:
        size = self._size or (self._fitting() if self._fitting else None)
        if size is None:
            raise SourceError(
                f"{self.name} has heat maps, which do not say how large the pictures were; give "
                "the size with --camera-size WIDTHxHEIGHT."
            )
        self._black = np.zeros((size[1], size[0], 3), np.uint8)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass

    def __iter__(self) -> Iterator[Frame]:
        for (index, (_, name)), poses in readable(self._files, self._read, "files", self._notes):
            moment = index / (self.rate or DEFAULT_FPS)
            yield Frame(self.name, index, name, moment, self._clock(), self._black, poses)

    def _read(self, entry: tuple[int, tuple[str, str]]) -> Poses:
        decoder, path = self._reading.decoder, entry[1][0]
        fields = 1 + max(max(pair) for pair in decoder.channels)
        heatmaps, pafs = read_maps(path, len(decoder.skeleton.keypoints), fields, decoder.stride)
        size = self._black.shape[1], self._black.shape[0]
        box = self._reading.place(size)
        high, wide = (cells * decoder.stride for cells in heatmaps.shape[1:])
        # Pictures of other sizes than the first are padded to wider ones.
        if box.network[1] != high or box.network[0] > wide:
            raise SourceError(
                f"{self.name} has maps of {wide}x{high}, but a picture of {size[0]}x{size[1]} is "
                f"{box.network[0]}x{box.network[1]} to the network; give the --camera-size of the "
                "pictures and the --height that was used."
            )
        place = Letterbox(size, box.scaled, (wide, high))
        return decoder.decode(decoder.candidates(heatmaps, pafs, place))
