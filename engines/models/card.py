"""Model cards: all that the program knows of a network, read from cards/<name>.toml."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from engines.decoders import DECODERS
from engines.decoders.paf import PafSettings
from engines.networks import NETWORKS
from engines.types.errors import CardError
from engines.types.skeleton import Skeleton, named_skeleton, parse_skeleton
from engines.types.toml_tables import build, check_keys, table, tables

FOLDER = Path(__file__).parents[1] / "cards"
TALLEST = 4096  # rows of a network's input, as of --height
MOST_SAMPLES = 1000  # along a limb, which is shorter than that on any map
Precision = Literal["fp32", "bf16", "fp16", "int8"]


@dataclass(frozen=True, slots=True)
class WeightFile:
    """One file of a network: known by its sha256, its name is for people."""

    name: str
    size: int
    sha256: str
    url: str | None = None

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[\w+-][\w.+ -]*", self.name) or self.size <= 0:
            raise CardError(f"{self.name!r}: name must be a plain file name, size positive.")
        if not re.fullmatch(r"[0-9a-f]{64}", self.sha256):
            raise CardError(f"{self.name}: sha256 must be 64 lower-case hexadecimal digits.")
        if self.url is not None and not re.fullmatch(r"https?://[^/\s]+/\S+", self.url):
            raise CardError(f"{self.name}: url must begin with https:// and name a file.")


@dataclass(frozen=True, slots=True)
class Weights:
    """One form of a network: the precisions it serves, its files (the graph first), its outputs.

    outputs: "heatmaps" and "pafs" -> the network's names for them.
    network: of torch weights, the module in engines/networks that they belong to.
    """

    precision: tuple[Precision, ...]
    files: tuple[WeightFile, ...]
    outputs: dict[str, str] = field(default_factory=dict)
    network: str | None = None


@dataclass(frozen=True, slots=True)
class NetworkInput:
    """What the network eats: (value - mean) / scale per channel, in this colour order."""

    stride: int
    height: int
    colour: Literal["bgr", "rgb"] = "bgr"
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    scale: tuple[float, ...] = (1.0, 1.0, 1.0)

    def __post_init__(self) -> None:
        if not len(self.mean) == len(self.scale) == 3 or 0 in self.scale:
            raise CardError("input needs three numbers for mean and scale, and no zero in scale.")
        if self.stride < 1 or not self.stride <= self.height <= TALLEST:
            raise CardError(
                "input needs a positive stride and a height that is not below it, and at most "
                f"{TALLEST}."
            )


@dataclass(frozen=True, slots=True)
class Card:
    """A model: where its weights are, what goes in, what comes out, how that becomes people.

    folder: where the card lies; its weights may lie beside it.
    paf_channels: x and y channel for each limb of the skeleton.
    """

    name: str
    title: str
    licence: str
    home: str
    folder: Path
    skeleton: Skeleton
    input: NetworkInput
    weights: tuple[Weights, ...]
    decoder: str
    paf_channels: tuple[tuple[int, int], ...]
    settings: PafSettings


def card_names() -> list[str]:
    """Names of the models that the package knows."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load_card(model: str) -> Card:
    """The card of a model by its name, or from a TOML file of one's own.

    CardError when there is none (with the nearest names) or when it is not complete.
    """
    if model.lower().endswith(".toml"):
        path = Path(model)
    elif model in card_names():
        path = FOLDER / f"{model}.toml"
    else:
        near = get_close_matches(model, card_names(), n=3, cutoff=0.3) or card_names()
        raise CardError(
            f"There is no model {model!r}; did you mean {' or '.join(near)}? A card of your own is "
            f"given as its .toml file."
        )
    try:
        return _parse(path, tomllib.loads(path.read_text(encoding="utf-8-sig")))
    except FileNotFoundError as error:
        raise CardError(f"There is no model card {model}.") from error
    except CardError as error:
        raise CardError(f"Model card {path.name}: {error}") from error
    except (OSError, ValueError, RecursionError) as error:
        why = getattr(error, "strerror", None) or error
        raise CardError(f"Model card {path.name} cannot be read: {why}") from error


def _parse(path: Path, data: dict[str, Any]) -> Card:
    known = ("title", "licence", "home", "skeleton", "input", "decoder", "weights")
    check_keys("the card", data, known, ("skeleton", "input", "decoder", "weights"))
    skeleton = data["skeleton"]
    if isinstance(skeleton, str):
        skeleton = named_skeleton(skeleton)
    else:
        skeleton = parse_skeleton(path.stem, skeleton)
    decoder = table("decoder", data["decoder"])
    kind = decoder.pop("kind", None)
    if not isinstance(kind, str) or kind not in DECODERS:
        raise CardError(f"there is no decoder {kind!r}; known are {', '.join(DECODERS)}.")
    return Card(
        name=path.stem,
        title=str(data.get("title", path.stem)),
        licence=str(data.get("licence", "unknown")),
        home=str(data.get("home", "")),
        folder=path.resolve().parent,
        skeleton=skeleton,
        input=build(NetworkInput, "input", data["input"]),
        weights=tuple(_parse_weights(one) for one in tables("weights", data["weights"])),
        decoder=kind,
        paf_channels=_parse_channels(skeleton, decoder.pop("pafs", None)),
        settings=_checked_settings(build(PafSettings, "decoder", decoder)),
    )


def _parse_weights(entry: dict[str, Any]) -> Weights:
    files = tables("files", entry.get("files"))
    built = tuple(build(WeightFile, "a file of the weights", file) for file in files)
    weights = build(Weights, "weights", {**entry, "files": built})
    if not weights.precision:
        raise CardError("weights need a precision.")
    if weights.network is None and set(weights.outputs) != {"heatmaps", "pafs"}:
        raise CardError("weights need outputs for heatmaps and pafs.")
    if weights.network is not None and weights.network not in NETWORKS:
        raise CardError(
            f"there is no network {weights.network!r}; known are {', '.join(NETWORKS)}."
        )
    return weights


def _parse_channels(skeleton: Skeleton, pafs: Any) -> tuple[tuple[int, int], ...]:
    if not isinstance(pafs, list) or len(pafs) != len(skeleton.limbs):
        raise CardError(
            f"decoder needs pafs: a list of {len(skeleton.limbs)} channel pairs, one for each limb "
            f"of skeleton {skeleton.name}."
        )
    if not all(isinstance(pair, list) and len(pair) == 2 for pair in pafs):
        raise CardError("pafs must be pairs: the x and the y channel of each limb's affinity map.")
    each = [channel for pair in pafs for channel in pair]
    if not all(type(channel) is int and channel >= 0 for channel in each):
        raise CardError("pafs must be whole numbers from 0 on: channels of the affinity maps.")
    if len(set(each)) < len(each):
        raise CardError("pafs names a channel twice; each limb has two of its own.")
    return tuple((x, y) for x, y in pafs)


def _checked_settings(settings: PafSettings) -> PafSettings:
    if not 1 <= settings.samples <= MOST_SAMPLES or not 0 <= settings.least_above <= 1:
        raise CardError(
            f"decoder needs samples of 1 or more, at most {MOST_SAMPLES}, and least_above from 0 "
            "to 1."
        )
    return settings
