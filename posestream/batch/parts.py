"""A long video on several workers: networks look at its parts, then one run makes the results.

What makes a result depends on all frames before: who is tracked, smoothed, and followed by crops.
Parts that are tracked alone and joined afterwards are therefore never quite what one run gives.
So the workers keep only what the networks say of the pictures of their part. The last step is an
ordinary run over the whole video whose networks are asked only what no worker has asked: a question
is every pixel of a picture and, for people, where it is cropped. Its results are those of a single
run, whatever became of the parts; these only make it faster.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from math import inf
from pathlib import Path

from calibration.geometry.errors import CalibrationError
from engines.answers.store import Kept
from engines.types.errors import EngineError
from posestream.batch.recordings import is_video
from posestream.batch.work import Job
from realtime.assembly import stream
from realtime.settings.all import Settings
from realtime.settings.sources import SourceSettings
from realtime.settings.window import UNSEEN
from realtime.sources.video import VideoSource
from realtime.types.errors import RealtimeError

# Before a part, in which its tracks come to be what they are in the whole run: who is followed
# decides where crops lie, and so what is asked.
OVERLAP_SECONDS = 5.0
LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Part:
    """Of a job's video. begin, end: seconds from where it begins; the last one ends at infinity."""

    job: Job
    begin: float
    end: float


def parts(job: Job, seconds: float) -> list[Part]:
    """The parts of a video, each so long at least; one or none where it is not worth dividing.

    Recordings of several cameras and folders of pictures are not divided. Neither are videos of
    which every N-th frame is looked at: whoever begins in the middle would look at others.
    """
    (source, *others) = job.recording.sources
    if others or not is_video(Path(source)) or job.tracks.detect_every not in (None, 1, "auto"):
        return []
    try:
        with VideoSource(source, range(sys.maxsize)) as video:
            length = (video.total or 0) / (video.rate or inf)
    except RealtimeError:  # which the run will say
        return []
    count = int(length // seconds)
    edges = [*(n * length / count for n in range(count)), inf]
    return [Part(job, begin, end) for begin, end in pairwise(edges)]


def look(part: Part) -> Mapping[bytes, bytes]:
    """What the networks say of a part, as far as that goes. Never raises for a bad input.

    It begins at the last key frame before the overlap, where a video can be entered.
    """
    kept, job = Kept(), part.job
    source = SourceSettings(job.recording.sources)
    settings = Settings(source, job.models, job.tracks, window=UNSEEN)
    begin = max(0.0, part.begin - OVERLAP_SECONDS)
    try:
        with closing(stream(settings, answers=kept, part=(begin, part.end))) as results:
            for _ in results:
                pass
    except (EngineError, RealtimeError, CalibrationError, OSError) as error:
        LOG.debug("%s from %g s: %s", job.recording.name, begin, error)
    return kept.all
