"""What a batch is to do: a job for each recording whose results are missing or would differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from engines.models.card import Card, load_card
from engines.models.download import download_bar
from engines.models.weights import Located, locate
from engines.nvidia.open import choose
from engines.parts.kinds import GROUPS
from engines.parts.opening import parts_opener
from engines.refining import refined_skeleton, second_look_opener
from posestream.batch.manifest import manifest_of, read_manifest
from posestream.batch.recordings import Recording
from posestream.batch.work import Job, settings_of
from realtime.default_model import decided
from realtime.presets import with_preset
from realtime.settings.model import ModelSettings
from realtime.settings.tracking import TrackSettings


@dataclass(frozen=True, slots=True)
class Plan:
    """jobs: to be done; done: names of recordings whose results stand."""

    jobs: tuple[Job, ...]
    done: tuple[str, ...]


def plan(
    recordings: Sequence[Recording],
    output: Path,
    make: Sequence[str],
    models: ModelSettings,
    tracks: TrackSettings,
    *,
    again: bool = False,
) -> Plan:
    """Which results are to be made. again: all of them, whatever stands.

    SettingsError or CardError where the options contradict each other; weights are fetched now.
    """
    kinds = tuple(dict.fromkeys(make))
    models = with_preset(models)
    device = choose(models.device, models.gpus)
    single, several = (decided(models, device, rig=rig) for rig in (False, True))
    weights = {one: dict(_weights(one)) for one in {single, several}}
    jobs, done = [], []
    for one in recordings:
        chosen = several if one.rig else single
        folder = output.absolute() / one.name
        before = read_manifest(folder)
        settings = {"make": kinds, **asdict(chosen), **asdict(tracks)}
        manifest = manifest_of(one, settings, weights[chosen], before)
        job = Job(one, folder, kinds, chosen, tracks, manifest)
        settings_of(job, folder)
        if before is not None and before.same(manifest) and not again:
            done.append(one.name)
        else:
            jobs.append(job)
    return Plan(tuple(jobs), tuple(done))


def _weights(models: ModelSettings) -> Iterator[tuple[str, str]]:
    """What the networks are, by the sha256 of their files; fetched where they are not here."""
    assert models.model is not None
    card = load_card(models.model)
    device = choose(models.device, models.gpus)
    with download_bar() as progress:
        located = locate(card, models.precision, device=device, progress=progress)
    yield _digests(card, located)
    refine = models.refine or "off"
    if (second := second_look_opener(refine, card, needed=models.refine is not None)) is not None:
        yield _digests(second.card, second.located)
    groups = {group for part in models.parts for group in GROUPS[part]}
    parts = parts_opener(models.parts, refined_skeleton(refine, card, groups))
    for one, where in parts.networks.values() if parts is not None else ():
        yield _digests(one, where)


def _digests(card: Card, located: Located) -> tuple[str, str]:
    return f"weights of {card.name}", " ".join(one.sha256 for one in located.weights.files)
