"""Files of earlier runs in the folders that a run fills: told of, and cleared where asked."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from pathlib import Path

from realtime.sinks.paths import Written
from realtime.types.errors import OutputError
from realtime.writing.whole_files import reason

LOG = logging.getLogger(__name__)
# Pictures of a run of photos are called as those are: nobody can tell that they are ours.
NUMBERED = re.compile(r".+_[0-9]{12}\.(jpg|png)")
PICTURES = (".jpg", ".png")
AT_THE_END = ("trc", "bvh", "c3d")  # whose older files go when the new ones are whole


def stale(outputs: Sequence[Written]) -> dict[str, list[Path]]:
    """What lies already where outputs write a file a frame or a person, by what the user called
    them; only what is called as we call it.
    """
    found: dict[str, list[Path]] = {}
    for output in outputs:
        if output.names.after is None or not output.folder.is_dir():
            continue
        for path in sorted(output.folder.iterdir()):
            ours = output.names.after not in PICTURES or NUMBERED.fullmatch(path.name)
            if ours and output.names.hold(path.name) and not path.is_dir():
                found.setdefault(output.said, []).append(path)
    return found


def tell(outputs: Sequence[Written]) -> None:
    """Say in the log what lies there already, a sentence for each output."""
    for said, paths in stale(outputs).items():
        what = "a file" if len(paths) == 1 else f"{len(paths)} files"
        LOG.warning(
            "%s: %s of an earlier run will stay unless written over; add --overwrite to clear "
            "such files.",
            said,
            what,
        )


def clear(outputs: Sequence[Written]) -> None:
    """Remove files whose names are ours, and nothing else; OutputError where that fails."""
    now = [output for output in outputs if output.option not in AT_THE_END]
    for said, paths in stale(now).items():
        for path in paths:
            try:
                path.unlink()
            except OSError as error:
                raise OutputError(f"{path} cannot be removed: {reason(error)}.") from error
        LOG.warning("%s: %d files of an earlier run were removed.", said, len(paths))
