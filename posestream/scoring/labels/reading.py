"""Which format a label file has, by what is in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from engines.types.errors import sentence
from posestream.scoring.labels import ai_challenger, boxes, coco_family, lsp, mpii
from posestream.scoring.measures.scenes import Labels
from realtime.types.errors import SourceError

KNOWN = (
    "COCO, COCO-WholeBody, CrowdPose, PoseTrack, MPII and AI Challenger (.json), LSP (.mat), "
    "MOTChallenge (.txt), and people in 3D as Shelf has them (.json)"
)
DAMAGED = ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError


def read_json(path: Path) -> Any:
    """SourceError where the file is not there or no JSON."""
    check_there(path)
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{path} is damaged or no JSON.") from error


def check_there(path: Path) -> None:
    """SourceError unless there is such a file."""
    if not path.is_file():
        raise SourceError(f"{path} is not there; give a label file: {KNOWN}.")


def read_labels(path: Path, data: Any = None) -> Labels:
    """data: the file's content, where it is JSON. SourceError says what is wrong with it."""
    try:
        check_there(path)
        if path.suffix.lower() == ".mat":
            return lsp.parse(path)
        if path.suffix.lower() in (".txt", ".csv"):
            return boxes.parse(path)
        if coco_family.recognises(data):
            return coco_family.parse(data)
        if mpii.recognises(data):
            return mpii.parse(data, path)
        if ai_challenger.recognises(data):
            return ai_challenger.parse(data)
    except SourceError:
        raise
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}.") from error
    except DAMAGED as error:
        what = str(error) if type(error) is ValueError else f"{type(error).__name__}: {error}"
        raise SourceError(sentence(f"{path} has labels that cannot be read: {what}")) from error
    raise SourceError(f"{path} is none of the label files that are known: {KNOWN}.")
