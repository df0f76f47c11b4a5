"""The studio of a run, or of takes alone: what is recorded, and what is known of takes."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any, Self

from engines.types.skeleton import Skeleton
from realtime.drawing.skeletons import FINE_GROUPS
from realtime.studio.calibrate.calibration import Calibration, Filming
from realtime.studio.exports import export
from realtime.studio.take_card import TakeCard, label
from realtime.studio.take_folders import LINES, PICTURES, TakeFolders
from realtime.studio.take_lines import TakeLines
from realtime.studio.take_pictures import Film
from realtime.studio.take_recorder import TakeRecorder
from realtime.types.errors import OutputError
from realtime.types.frames import Source
from realtime.types.joint_angles import joints
from realtime.types.results import Result
from realtime.writing.header import Header

LOG = logging.getLogger(__name__)
RIGS = "rigs"  # a folder beside the takes
GROWS_S = 10.0  # without a line, after which nobody records a take any more
MAX_OPEN = 4  # takes whose indices, and films, are kept


@dataclass(frozen=True, slots=True, eq=False)
class StudioRun:
    """The run whose results can be recorded. pictures: whether its sources have any. altered: the
    options by which they are not as the cameras gave them.
    """

    header: Header
    sources: Sequence[Source]
    pictures: bool
    altered: Sequence[str] = ()

    @property
    def live(self) -> bool:
        return self.sources[0].live


class Studio:
    """A sink that records on demand, and the takes that there are.

    Methods that read or write a take may be called from any thread; they raise NoTakeError for
    an id that is none, and OutputError or SourceError with a sentence. run: None = takes alone.
    """

    def __init__(self, folder: Path, run: StudioRun | None = None) -> None:
        self.folders = TakeFolders(folder)
        self.run = run
        self._lock = Lock()
        self._recorder: TakeRecorder | None = None
        self._ended = run is None
        filming = None
        if run is not None:
            names, rig = run.header.names, run.header.rig
            filming = Filming(names, run.live, run.pictures, rig, run.altered)
        self.calibration = Calibration(folder / RIGS, filming)
        self._indices: dict[str, TakeLines] = {}
        self._films: dict[tuple[str, int], Film] = {}
        self._exported: dict[tuple[str, str], Path] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._ended = True
        self.calibration.end_of_results()
        if self._recorder is not None:
            self.stop()

    def write(self, result: Result) -> None:
        """Keep it where a take is being recorded, and show it to a calibration."""
        self.calibration.put(result)
        recorder = self._recorder
        if recorder is not None:
            recorder.put(result)

    # What pages ask for.

    def start(self, name: str, *, pictures: bool = True) -> dict[str, Any]:
        """Begin a take; OutputError where that cannot be."""
        with self._lock:
            if self.run is None or self._ended:
                raise OutputError("No cameras run, so there is nothing to record.")
            if self._recorder is not None:
                raise OutputError("A take is being recorded already; stop that one first.")
            place = self.folders.begin()
            header = self.run.header
            now = datetime.now(UTC)
            card = TakeCard(
                id=place.name,
                name=label(name) or f"Take of {now:%d %B %Y, %H:%M:%S} UTC",
                recorded=now.isoformat(timespec="seconds"),
                model=header.model,
                cameras=(*header.names,),
                rate=next((one.rate for one in self.run.sources if one.rate), None),
                skeleton=header.skeleton,
                space=header.rig is not None,
            )
            self._recorder = TakeRecorder(
                *(place, card, header, self.run.sources),
                live=self.run.live,
                pictures=self.run.pictures and pictures,
            )
        return self.recording or {}

    def stop(self) -> TakeCard:
        """End the take that is being recorded; OutputError where there is none."""
        with self._lock:
            recorder = self._recorder
            if recorder is None:
                raise OutputError("No take is being recorded.")
            self._recorder = None
        return recorder.finish()

    @property
    def recording(self) -> dict[str, Any] | None:
        """How the take that is being recorded goes, for the page."""
        recorder = self._recorder
        if recorder is None:
            return None
        card = recorder.card
        known = {"id": card.id, "name": card.name, "seconds": card.seconds, "frames": card.frames}
        return {**known, "dropped": recorder.dropped, "error": recorder.error}

    def takes(self) -> list[TakeCard]:
        """All that can be played, the newest first. Those that a killed program left are mended;
        those that another one records are left out.
        """
        now = self._recorder
        cards = []
        for card in self.folders.cards():
            if now is not None and card.id == now.card.id:
                continue
            try:
                if card.finished or not self._grows(card):
                    cards.append(card if card.finished else self._mended(card))
            except OutputError as error:
                LOG.warning("A take is left out: %s", error)
        return cards

    def _grows(self, card: TakeCard) -> bool:
        """Whether another program records it."""
        try:
            changed = (self.folders.place(card.id) / LINES).stat().st_mtime
        except OSError:
            return False
        return abs(time.time() - changed) < GROWS_S

    def _mended(self, card: TakeCard) -> TakeCard:
        place = self.folders.place(card.id)
        known = TakeLines.read(place / LINES).summary()._asdict()
        card = replace(card, **known, finished=True)
        card.write(place)
        return card

    def card(self, identity: str) -> TakeCard:
        """Of a take that is not being recorded."""
        recorder = self._recorder
        if recorder is not None and recorder.card.id == identity:
            raise OutputError("This take is being recorded; stop it first.")
        return TakeCard.read(self.folders.place(identity))

    def lines(self, identity: str) -> TakeLines:
        """Its frames."""
        with self._lock:
            found = self._indices.get(identity)
        if found is None:
            found = TakeLines.read(self.folders.place(identity) / LINES)
            with self._lock:
                self._indices[identity] = found
                while len(self._indices) > MAX_OPEN:
                    del self._indices[next(iter(self._indices))]
        return found

    def jpeg(self, identity: str, camera: int, frame: int) -> bytes | None:
        """A camera's picture at a frame; None where the camera was out, or nothing was filmed."""
        lines, card = self.lines(identity), self.card(identity)
        if not (0 <= frame < len(lines) and 0 <= camera < len(card.cameras)):
            return None
        number = int(lines.pictures[frame, camera])
        path = self.folders.place(identity) / PICTURES / f"{card.cameras[camera]}.mp4"
        if number < 0 or not path.is_file():
            return None
        with self._lock:
            film = self._films.get((identity, camera))
            if film is None:
                film = self._films[identity, camera] = Film(path)
                taken = [*dict.fromkeys(one for one, _ in self._films)]
                for old in taken[:-MAX_OPEN]:
                    self._close(old)
        return film.jpeg(number)

    def rename(self, identity: str, name: str) -> TakeCard:
        card = self.card(identity).named(name)
        card.write(self.folders.place(identity))
        return card

    def cut(self, identity: str, span: tuple[int, int] | None, copy: str | None) -> TakeCard:
        """Leave out the frames before and after the span (first, after the last); None has all of
        them back. copy: the name of a new take that the span becomes, None = this one is cut.
        """
        card = self.card(identity)
        if span is not None and not 0 <= span[0] < span[1] <= card.frames:
            raise OutputError(f"A cut lies within the take's {card.frames} frames.")
        if span == (0, card.frames):
            span = None
        if copy is not None:
            card = self.folders.copy(card)
            card = card.named(copy)
        card = replace(card, cut=span)
        card.write(self.folders.place(card.id))
        return card

    def export(self, identity: str, key: str) -> Path:
        """See `exports.export`."""
        place = self.folders.place(identity)
        made = export(place, self.card(identity), self.lines(identity), key)
        self._exported[identity, key] = made
        return made

    def exported(self, identity: str, key: str) -> Path | None:
        """What `export` made last, while it is there."""
        path = self._exported.get((identity, key))
        return path if path is not None and path.is_file() else None

    def delete(self, identity: str) -> TakeCard:
        """For good; what it was."""
        card = self.card(identity)
        with self._lock:
            self._close(identity)
            self._indices.pop(identity, None)
        self.folders.delete(identity)
        return card

    def _close(self, identity: str) -> None:
        for key in [key for key in self._films if key[0] == identity]:
            self._films.pop(key).close()


def described(skeleton: Skeleton) -> dict[str, Any]:
    """A skeleton for the page. joints: each with its three keypoints, whose angle it is. colours:
    of keypoints, and of the limbs that end in them. fine: those of hands and faces.
    """
    fine = ([n for n in skeleton.groups[name] if n not in skeleton.body] for name in FINE_GROUPS)
    return {
        "keypoints": list(skeleton.keypoints),
        "limbs": [list(limb) for limb in skeleton.drawn],
        "colours": [f"rgb({r} {g} {b})" for b, g, r in skeleton.colours],
        "fine": [group for group in fine if group],
        "joints": {name: list(three) for name, three in joints(skeleton).items()},
    }
