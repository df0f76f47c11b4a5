"""What of a result is shown: the view, which may change during the run."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from threading import Lock
from typing import Literal

from engines.decoders.decoder import Showable
from realtime.types.errors import SettingsError

HEATMAPS: Showable = "heatmaps"
PAFS: Showable = "pafs"
VIEW_KINDS: tuple[Literal["skeleton", "heatmaps", "sum", "background", "pafs"], ...] = (
    *("skeleton", "heatmaps", "sum", "background", "pafs"),
)
OF_A_KEYPOINT: tuple[Literal["part", "paf"], ...] = ("part", "paf")
# How 3D people are drawn: around the 2D people, in their place, or not.
People3D = Literal["outline", "only", "off"]
PEOPLE_3D: tuple[People3D, ...] = ("outline", "only", "off")
THRESHOLD_STEP = 0.05  # of the keys that raise and lower the threshold


@dataclass(frozen=True, slots=True)
class ViewMode:
    """A view of a picture.

    skeleton: the people. heatmaps: all keypoints' confidence, the highest of each place; sum: added
    up. background: where the network sees nobody. pafs: the affinity fields. part: the confidence
    map of the keypoint with this index; paf: the fields of the limbs that meet in it.
    """

    kind: Literal["skeleton", "heatmaps", "sum", "background", "pafs", "part", "paf"] = "skeleton"
    part: int = 0

    @property
    def of_maps(self) -> bool:
        """Whether it needs the network's maps."""
        return self.needs is not None

    @property
    def needs(self) -> Showable | None:
        """What a model must have to show for it."""
        if self.kind == "skeleton":
            return None
        return PAFS if self.kind in ("pafs", "paf") else HEATMAPS

    def name(self, keypoints: Sequence[str]) -> str:
        """As the user names it."""
        return f"{self.kind}:{keypoints[self.part]}" if self.kind in OF_A_KEYPOINT else self.kind


@dataclass(frozen=True, slots=True)
class Style:
    """How what is shown looks. opacity: of limbs and maps, 0 to 1, None = what suits each.
    backdrop: what they are drawn on. people3d: how the 3D people look in pictures of cameras.
    """

    opacity: float | None = None
    backdrop: Literal["image", "black"] = "image"
    people3d: People3D = "outline"


SKELETON = ViewMode()
PLAIN = Style()


def parse_view_mode(text: str, keypoints: Sequence[str]) -> ViewMode:
    """The view with this name; SettingsError, with what there is, for others."""
    for mode in view_modes(keypoints):
        if mode.name(keypoints) == text:
            return mode
    wanted, colon, part = text.partition(":")
    if wanted in OF_A_KEYPOINT:
        near = get_close_matches(part, keypoints, n=3, cutoff=0.5) if colon else ()
        raise SettingsError(
            f"There is no keypoint {part[:40]!r} to view; choose {wanted}:"
            f"{f' or {wanted}:'.join(near)}."
            if near
            else f"The view {wanted}:NAME needs a keypoint: {', '.join(keypoints)}."
        )
    raise SettingsError(
        f"There is no view {text[:40]!r}; choose {', '.join(VIEW_KINDS)}, or part:NAME or "
        "paf:NAME of a keypoint."
    )


def view_modes(keypoints: Sequence[str]) -> list[ViewMode]:
    """All views of a model with these keypoints."""
    return [
        *(ViewMode(kind) for kind in VIEW_KINDS),
        *(ViewMode(kind, n) for kind in OF_A_KEYPOINT for n in range(len(keypoints))),
    ]


class Shown:
    """What the outputs with pictures show now. Any thread may read and change it.

    mode: the view. threshold: keypoints with less confidence are not drawn; `usual` is the one to
    begin with. shows: what the model has to show beside people. style: how it looks.
    """

    def __init__(
        self,
        mode: ViewMode = SKELETON,
        keypoints: Sequence[str] = (),
        shows: Collection[Showable] = frozenset({HEATMAPS, PAFS}),
        threshold: float = 0.0,
        style: Style = PLAIN,
    ) -> None:
        self.mode = mode
        self.style = style
        self._shows = shows
        self.threshold = self.usual = threshold
        self.keypoints = keypoints
        self._wanting = 0
        self._lock = Lock()

    @property
    def name(self) -> str:
        """The view as the user names it."""
        return self.mode.name(self.keypoints)

    def can_show(self, mode: ViewMode) -> bool:
        """Whether the model has what the view needs."""
        return mode.needs is None or mode.needs in self._shows

    def parse(self, text: str) -> ViewMode:
        """The view with this name; SettingsError where there is none, or the model lacks it."""
        mode = parse_view_mode(text, self.keypoints)
        if not self.can_show(mode):
            raise SettingsError(f"This model has no maps to show for the view {text}.")
        return mode

    def next_view(self) -> None:
        """All kinds of views in turn, of those of a keypoint the first one's."""
        of_keypoints = OF_A_KEYPOINT if self.keypoints else ()
        kinds = [ViewMode(kind) for kind in (*VIEW_KINDS, *of_keypoints)]
        kinds = [mode for mode in kinds if self.can_show(mode)]
        places = [mode.kind for mode in kinds]
        self.mode = kinds[(places.index(self.mode.kind) + 1) % len(kinds)]

    def next_part(self) -> None:
        """The next keypoint's map or fields, the first one's map after another view."""
        kind: Literal["part", "paf"] = "paf" if self.mode.kind == "paf" else "part"
        mode = ViewMode(kind, self.mode.part + 1 if self.mode.kind == kind else 0)
        if self.keypoints and self.can_show(mode):
            self.mode = ViewMode(kind, mode.part % len(self.keypoints))

    def change_threshold(self, steps: int) -> None:
        """Up or down, within 0 and 1."""
        self.threshold = min(max(round(self.threshold + steps * THRESHOLD_STEP, 2), 0.0), 1.0)

    def want_maps(self, *, more: bool = True) -> None:
        """Somebody needs maps whatever the view is; more=False: no longer."""
        with self._lock:
            self._wanting += 1 if more else -1

    def wants_maps(self) -> bool:
        """Whether the network's maps are to be kept."""
        return self._wanting > 0 or self.mode.of_maps
