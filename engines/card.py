"""Model cards: all that the program knows of a network, read from cards/<name>.toml."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from engines.decoders import DECODERS
from engines.decoders.paf import PafSettings
from engines.errors import CardError
from engines.skeleton import Skeleton, named_skeleton, parse_skeleton

FOLDER = Path(__file__).parent / "cards"
T = TypeVar("T")
Precision = Literal["fp32", "bf16", "int8"]


@dataclass(frozen=True, slots=True)
class WeightFile:
    """One file of a network: known by its sha256, its name is for people."""

    name: str
    size: int
    sha256: str
    url: str | None = None

    def __post_init__(self) -> None:
        if len(self.sha256) != 64 or set(self.sha256) - set("0123456789abcdef"):
            raise CardError(f"{self.name}: sha256 must be 64 lower-case hexadecimal digits.")
        if Path(self.name).name != self.name or self.size <= 0:
            raise CardError(f"{self.name}: name must be a plain file name, size positive.")


@dataclass(frozen=True, slots=True)
class Weights:
    """One form of a network: the precisions it serves, its files (the graph first), its outputs."""

    precision: tuple[Precision, ...]
    files: tuple[WeightFile, ...]
    outputs: dict[str, str]  # "heatmaps" and "pafs" -> the network's names for them


@dataclass(frozen=True, slots=True)
class NetworkInput:
    """What the network eats: (value - mean) / scale per channel, in this colour order."""

    stride: int
    height: int
    colour: Literal["bgr", "rgb"] = "bgr"
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    scale: tuple[float, ...] = (1.0, 1.0, 1.0)


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
    path = Path(model) if model.endswith(".toml") else FOLDER / f"{model}.toml"
    if path.suffix == ".toml" and not path.is_file():
        if model.endswith(".toml"):
            raise CardError(f"There is no model card {model}.")
        near = get_close_matches(model, card_names(), n=3, cutoff=0.3) or card_names()
        raise CardError(f"There is no model {model!r}; did you mean {' or '.join(near)}?")
    try:
        return _parse(path, tomllib.loads(path.read_text(encoding="utf-8")))
    except CardError as error:
        raise CardError(f"Model card {path.name}: {error}") from error
    except KeyError as error:
        raise CardError(f"Model card {path.name} lacks {error.args[0]!r}.") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, TypeError, ValueError) as error:
        raise CardError(f"Model card {path.name} cannot be read: {error}") from error


def _parse(path: Path, data: dict[str, Any]) -> Card:
    skeleton = data["skeleton"]
    if isinstance(skeleton, str):
        skeleton = named_skeleton(skeleton)
    else:
        skeleton = parse_skeleton(path.stem, skeleton)
    decoder = dict(data["decoder"])
    kind = decoder.pop("kind")
    if kind not in DECODERS:
        raise CardError(f"there is no decoder {kind!r}; known are {', '.join(DECODERS)}.")
    channels = tuple((int(x), int(y)) for x, y in decoder.pop("pafs"))
    if len(channels) != len(skeleton.limbs):
        raise CardError(
            f"pafs has {len(channels)} channel pairs, but skeleton {skeleton.name} has "
            f"{len(skeleton.limbs)} limbs; give one pair a limb."
        )
    entry = dict(data["input"])
    for key in ("mean", "scale"):
        if key in entry:
            entry[key] = tuple(float(value) for value in entry[key])
    return Card(
        name=path.stem,
        title=str(data.get("title", path.stem)),
        licence=str(data.get("licence", "unknown")),
        home=str(data.get("home", "")),
        folder=path.resolve().parent,
        skeleton=skeleton,
        input=_checked_input(_build(NetworkInput, entry)),
        weights=tuple(_parse_weights(dict(one)) for one in data["weights"]),
        decoder=kind,
        paf_channels=channels,
        settings=_build(PafSettings, decoder),
    )


def _parse_weights(entry: dict[str, Any]) -> Weights:
    entry["precision"] = tuple(entry["precision"])
    unknown = set(entry["precision"]) - set(get_args(Precision))
    if unknown or not entry["precision"]:
        raise CardError(f"precision must be among {', '.join(get_args(Precision))}.")
    entry["files"] = tuple(_build(WeightFile, dict(file)) for file in entry["files"])
    entry["outputs"] = dict(entry["outputs"])
    if not entry["files"] or set(entry["outputs"]) != {"heatmaps", "pafs"}:
        raise CardError("weights need files, and outputs for heatmaps and pafs.")
    return _build(Weights, entry)


def _checked_input(entry: NetworkInput) -> NetworkInput:
    if entry.colour not in ("bgr", "rgb") or not len(entry.mean) == len(entry.scale) == 3:
        raise CardError("input needs colour bgr or rgb, and three numbers for mean and scale.")
    if entry.stride < 1 or entry.height < entry.stride or 0 in entry.scale:
        raise CardError("input needs a positive stride, a height above it, and no zero in scale.")
    return entry


def _build(kind: type[T], entry: dict[str, Any]) -> T:
    """The dataclass from a TOML table; an unknown key is an error that names the known ones."""
    known = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    for key in entry:
        if key not in known:
            raise CardError(f"{key!r} is not known here; known are {', '.join(known)}.")
    return kind(**entry)
