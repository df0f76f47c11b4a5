"""What is known of a take beside its frames: the file take.json."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

from engines.types.skeleton import Skeleton
from realtime.mocap.journal import plain_skeleton, skeleton_of
from realtime.types.errors import OutputError
from realtime.writing.whole_files import write_whole

MAX_NAME = 80  # characters
CARD = "take.json"


@dataclass(frozen=True, slots=True, eq=False)
class TakeCard:
    """A take. id: of its folder, made by us. name: what the user calls it, a label alone.

    recorded: when it began, ISO 8601 in UTC. cameras: names. rate: fps. frames: instants, also
    those that are cut off. seconds: from the first of them to the last. people: who was seen for
    more than a moment. cut: first frame that counts and the one after the last, None = all.
    finished: False while it is recorded, and where the program was killed then.
    """

    id: str
    name: str
    recorded: str
    model: str
    cameras: tuple[str, ...]
    rate: float | None
    skeleton: Skeleton
    space: bool
    frames: int = 0
    seconds: float = 0.0
    people: int = 0
    cut: tuple[int, int] | None = None
    finished: bool = False

    @property
    def span(self) -> tuple[int, int]:
        """The first frame that counts, and the one after the last."""
        return self.cut or (0, self.frames)

    @property
    def _lasts(self) -> float:
        """Seconds that are left of it, as if frames came evenly."""
        first, end = self.span
        return self.seconds * max(0, end - 1 - first) / max(1, self.frames - 1)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """OutputError where it is none of this program's."""
        try:
            data: dict[str, Any] = json.loads((folder / CARD).read_bytes())
            data["skeleton"] = skeleton_of(data["skeleton"])
            data["cameras"] = (*map(str, data["cameras"]),)
            data["cut"] = None if data["cut"] is None else (*map(int, data["cut"]),)
            return cls(**data | {"id": folder.name})
        except OSError as error:
            raise OutputError(f"{folder} is no take: {error.strerror}.") from error
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise OutputError(f"{folder / CARD} is damaged or of another version.") from error

    def write(self, folder: Path) -> None:
        """OutputError where the disk does not take it."""
        data = {**asdict(self), "skeleton": plain_skeleton(self.skeleton)}
        write_whole(folder / CARD, json.dumps(data, indent=1).encode())

    def named(self, name: str) -> Self:
        """By another name; an empty one keeps that which it has."""
        plain = label(name)
        return replace(self, name=plain) if plain else self

    @property
    def plain(self) -> dict[str, Any]:
        """For the page."""
        data = {**asdict(self), "span": self.span, "lasts": self._lasts}
        del data["skeleton"]
        return data


def label(name: str) -> str:
    """What a user typed, as a line that can be printed."""
    return "".join(one for one in " ".join(name.split()) if one.isprintable())[:MAX_NAME].strip()
