"""What of a result is shown: the view, which may change while the run goes on."""

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
KINDS = ("skeleton", "heatmaps", "pafs")
STEP = 0.05  # by which the threshold goes up and down


@dataclass(frozen=True, slots=True)
class Look:
    """A view of a picture.

    skeleton: the people. heatmaps: all keypoints' confidence. pafs: the affinity fields. part: the
    confidence map of the keypoint with this index.
    """

    kind: Literal["skeleton", "heatmaps", "pafs", "part"] = "skeleton"
    part: int = 0

    @property
    def of_maps(self) -> bool:
        """Whether it needs the network's maps."""
        return self.needs is not None

    @property
    def needs(self) -> Showable | None:
        """What a model must have to show for it."""
        return {"heatmaps": HEATMAPS, "part": HEATMAPS, "pafs": PAFS}.get(self.kind)

    def name(self, keypoints: Sequence[str]) -> str:
        """As the user names it."""
        return f"part:{keypoints[self.part]}" if self.kind == "part" else self.kind


SKELETON = Look()


def parse_look(text: str, keypoints: Sequence[str]) -> Look:
    """The view with this name; SettingsError, with what there is, for others."""
    for look in looks(keypoints):
        if look.name(keypoints) == text:
            return look
    wanted, colon, part = text.partition(":")
    if wanted == "part":
        near = get_close_matches(part, keypoints, n=3, cutoff=0.5) if colon else ()
        raise SettingsError(
            f"There is no keypoint {part[:40]!r} to view; choose part:{' or part:'.join(near)}."
            if near
            else f"The view part:NAME needs a keypoint: {', '.join(keypoints)}."
        )
    raise SettingsError(
        f"There is no view {text[:40]!r}; choose {', '.join(KINDS)} or part:NAME of a keypoint."
    )


def looks(keypoints: Sequence[str]) -> list[Look]:
    """All views of a model with these keypoints."""
    return [
        SKELETON,
        Look("heatmaps"),
        Look("pafs"),
        *(Look("part", n) for n in range(len(keypoints))),
    ]


class Shown:
    """What the outputs with pictures show now. Any thread may read and change it.

    look: the view. threshold: keypoints with less confidence are not drawn. shows: what the model
    has to show beside people.
    """

    def __init__(
        self,
        look: Look = SKELETON,
        keypoints: Sequence[str] = (),
        shows: Collection[Showable] = frozenset({HEATMAPS, PAFS}),
    ) -> None:
        self.look = look
        self._shows = shows
        self.threshold = 0.0
        self.keypoints = keypoints
        self._wanting = 0
        self._lock = Lock()

    @property
    def name(self) -> str:
        """The view as the user names it."""
        return self.look.name(self.keypoints)

    def can_show(self, look: Look) -> bool:
        """Whether the model has what the view needs."""
        return look.needs is None or look.needs in self._shows

    def parse(self, text: str) -> Look:
        """The view with this name; SettingsError where there is none, or the model lacks it."""
        look = parse_look(text, self.keypoints)
        if not self.can_show(look):
            raise SettingsError(f"This model has no maps to show for the view {text}.")
        return look

    def next_view(self) -> None:
        """Skeleton, heat maps, fields, a keypoint, and from the start again."""
        kinds = [SKELETON, Look("heatmaps"), Look("pafs"), *([Look("part")] * bool(self.keypoints))]
        kinds = [look for look in kinds if self.can_show(look)]
        places = [look.kind for look in kinds]
        self.look = kinds[(places.index(self.look.kind) + 1) % len(kinds)]

    def next_part(self) -> None:
        """The next keypoint's map, the first one's after another view."""
        if self.keypoints and self.can_show(Look("part")):
            part = self.look.part + 1 if self.look.kind == "part" else 0
            self.look = Look("part", part % len(self.keypoints))

    def change_threshold(self, steps: int) -> None:
        """Up or down, within 0 and 1."""
        self.threshold = min(max(round(self.threshold + steps * STEP, 2), 0.0), 1.0)

    def want_maps(self, *, more: bool = True) -> None:
        """Somebody needs maps whatever the view is; more=False: no longer."""
        with self._lock:
            self._wanting += 1 if more else -1

    def wants_maps(self) -> bool:
        """Whether the network's maps are to be kept."""
        return self._wanting > 0 or self.look.of_maps
