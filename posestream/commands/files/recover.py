"""What a run that was cut off has left: journals of 3D people, and files of lines."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from calibration.files.rig_toml import parse_rig
from realtime.mocap.bvh import BvhUnit
from realtime.mocap.journal import MAGIC, Head, in_use, read_head
from realtime.mocap.outputs import take_files
from realtime.mocap.take import take_of
from realtime.mocap.take_sink import write_take
from realtime.settings.files import TAKE_FILES
from realtime.types.errors import OutputError, losses
from realtime.writing.one_run import one_run_alone
from realtime.writing.torn_lines import LINE_ENDINGS, mend_lines
from realtime.writing.whole_files import check_file, reason


@dataclass(frozen=True)
class Options:
    """Recover what a run that was killed, or a power cut, has left.

    From a journal (walk.takes), the TRC, C3D, BVH and glTF files are made that the run was to
    write, or those named here. From a .jsonl or .csv file, a torn last line is removed.
    """

    file: Path = field(metadata={"positional": True})
    """The .takes, .jsonl or .csv file."""
    trc: Path | None = None
    """Write each person as markers for OpenSim, whatever the run was to write."""
    c3d: Path | None = None
    """Write all people to this C3D file, whatever the run was to write."""
    bvh: Path | None = None
    """Write each person as joint angles for Blender, whatever the run was to write."""
    bvh_unit: Literal["m", "cm"] | None = None
    """Unit of the BVH files, whatever the run was to write."""
    glb: Path | None = None
    """Write all people to this glTF file, whatever the run was to write."""


def run(options: Options) -> None:
    """The files, and what was left out."""
    path = options.file
    asked = {name: getattr(options, name) for name in TAKE_FILES}
    wanted = {name: to for name, to in asked.items() if to is not None}
    for name, to in wanted.items():
        if to.suffix.lower() != f".{name}":
            raise OutputError(f"--{name} {to}: the file's name must end in .{name}.")
    try:
        with path.open("rb") as file:
            journal = file.read(len(MAGIC)) == MAGIC
    except (OSError, ValueError) as error:
        raise OutputError(f"{path} cannot be read: {reason(error)}.") from error
    if in_use(path):
        raise OutputError(f"{path} is still being written; end that run, which makes its files.")
    if journal:
        _from_journal(path, wanted, options.bvh_unit)
    elif path.suffix.lower() in LINE_ENDINGS and not wanted:
        left = mend_lines(path)
        what = f"removed a torn last line ({left} bytes)" if left else "every line is whole"
        sys.stdout.write(f"{path}: {what}.\n")
    else:
        raise OutputError(f"{path} is not a journal of 3D people (.takes), .jsonl or .csv file.")


def _from_journal(path: Path, wanted: dict[str, Path], unit: BvhUnit | None) -> None:
    with path.open("rb", buffering=0) as file:
        head = read_head(file, str(path))
        take, damaged = take_of(file, str(path))
        rig = parse_rig(head.rig, path.name)
        outputs = take_files(wanted or _recorded(path, head), rig, unit or head.bvh_unit)
        for output in outputs:
            check_file(output.path, output.option, [path.resolve()])
        if damaged:
            what = "a damaged or torn frame" if damaged == 1 else f"{damaged} damaged frames"
            sys.stderr.write(f"posestream: {path}: left out {what}.\n")
        if not take.spans:
            raise OutputError(f"{path} holds no 3D people.")
        try:
            with one_run_alone(output.lock for output in outputs):
                write_take(outputs, take, [path.resolve()], overwrite=False)
        except OutputError as error:
            for loss in losses(error):
                sys.stderr.write(f"posestream: {loss}\n")
            raise
    for output in outputs:
        sys.stdout.write(f"{output.written}\n")
    count = f"{len(take.spans)} {'person' if len(take.spans) == 1 else 'people'}"
    sys.stdout.write(
        f"{count}, {len(take) / take.rate:.1f} s. {path} is no longer needed and can be deleted.\n"
    )


def _recorded(path: Path, head: Head) -> dict[str, Path]:
    """Where the run was to write; beside the journal, where that folder is not on this machine."""
    named = {option: Path(to) for option, to in head.outputs}
    return {
        option: to if to.parent.is_dir() else path.with_name(to.name)
        for option, to in named.items()
    }
