"""Model cards: all that the program knows of a network, read from cards/<name>.toml."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from engines.crops.fusion import FusionSettings
from engines.crops.rule import CascadeRule, CropRule
from engines.decoders.boxes.people_boxes import BOX, BoxDecoder
from engines.decoders.crop_decoder import CropDecoder
from engines.decoders.decoder import Decoder
from engines.models.decoder_kinds import DECODERS
from engines.models.weight_file import Archive, WeightFile
from engines.networks import NETWORKS
from engines.types.errors import CardError
from engines.types.network_input import NetworkInput
from engines.types.skeleton import FOLLOWERS, Skeleton, named_skeleton, parse_skeleton
from engines.types.toml_tables import build, check_keys, table, tables

FOLDER = Path(__file__).parents[1] / "cards"
Precision = Literal["fp32", "bf16", "fp16", "int8"]


@dataclass(frozen=True, slots=True)
class Weights:
    """One form of a network: the precisions it serves, its files (the graph first), its outputs.

    outputs: the decoder's names of what it needs -> the network's.
    network: of torch weights, the module in engines/networks that they belong to.
    """

    precision: tuple[Precision, ...]
    files: tuple[WeightFile, ...]
    outputs: dict[str, str] = field(default_factory=dict)
    network: str | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """A model: where its weights are, what goes in, what comes out, how that becomes people.

    folder: where the card lies; its weights may lie beside it. crop: of a network for one person,
    where it wants people cropped. fusions: what a second look with it is worth beside another
    network, by the name of that network's model; "" = beside all others. claim: how accurate its
    owners say that it is, where that was not measured here. refine: the crop network that looks
    again at its people where none is named; "" = none. cascade: of a network for one person, what
    looks at each of their keypoints once more. on_request: groups of its keypoints that people have
    only where they are asked for.
    """

    name: str
    title: str
    licence: str
    home: str
    folder: Path
    skeleton: Skeleton
    input: NetworkInput
    weights: tuple[Weights, ...]
    decoder: Decoder
    crop: CropRule | None = None
    fusions: dict[str, FusionSettings] = field(default_factory=dict)
    claim: str = ""
    refine: str = ""
    cascade: CascadeRule | None = None
    on_request: tuple[str, ...] = ()

    def fusion_beside(self, model: str) -> FusionSettings:
        """The constants of the fusion with the people of this model."""
        return self.fusions.get(model) or self.fusions.get("") or FusionSettings()


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
        near = get_close_matches(model.lower(), card_names(), n=3, cutoff=0.3) or card_names()
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
    settings = table("decoder", data.get("decoder", {}))
    kind = settings.pop("kind", None)
    needed = ("skeleton", "input", "decoder", "weights")
    if kind == BoxDecoder.kind:  # boxes have corners alone
        data = {**data, "skeleton": BOX}
    known = (
        "title",
        "licence",
        "home",
        "claim",
        "refine",
        "on_request",
        "crop",
        "cascade",
        "fusion",
    )
    check_keys("the card", data, (*known, *needed), needed)
    on_request = data.get("on_request", [])
    if not isinstance(on_request, list) or any(one not in FOLLOWERS for one in on_request):
        raise CardError(f"on_request lists some of {', '.join(FOLLOWERS)}, not {on_request!r}.")
    skeleton = data["skeleton"]
    if isinstance(skeleton, str):
        skeleton = named_skeleton(skeleton)
    elif not isinstance(skeleton, Skeleton):
        skeleton = parse_skeleton(path.stem, skeleton)
    entry = build(NetworkInput, "input", data["input"])
    if not isinstance(kind, str) or kind not in DECODERS:
        raise CardError(f"there is no decoder {kind!r}; known are {', '.join(DECODERS)}.")
    decoder = DECODERS[kind](skeleton, entry, settings)
    one_person = isinstance(decoder, CropDecoder)
    if not one_person and {"crop", "cascade", "fusion"} & data.keys():
        raise CardError(
            f"crop, cascade and fusion are for networks of one person; {kind} is of several."
        )
    return Card(
        name=path.stem,
        title=str(data.get("title", path.stem)),
        licence=str(data.get("licence", "unknown")),
        home=str(data.get("home", "")),
        folder=path.resolve().parent,
        skeleton=skeleton,
        input=entry,
        weights=tuple(_parse_weights(one, decoder) for one in tables("weights", data["weights"])),
        decoder=decoder,
        crop=build(CropRule, "crop", data.get("crop", {})) if one_person else None,
        fusions=_parse_fusions(data.get("fusion", {})),
        claim=str(data.get("claim", "")),
        refine=str(data.get("refine", "")),
        on_request=tuple(on_request),
        cascade=build(CascadeRule, "cascade", data["cascade"]) if "cascade" in data else None,
    )


def _parse_fusions(data: Any) -> dict[str, FusionSettings]:
    """Constants for all models, and what is otherwise beside those that `beside` names."""
    general = table("fusion", data)
    beside = table("beside in fusion", general.pop("beside", {}))
    return {"": build(FusionSettings, "fusion", general)} | {
        model: build(
            FusionSettings, f"{model} in fusion", general | table(f"{model} in fusion", one)
        )
        for model, one in beside.items()
    }


def _parse_file(entry: dict[str, Any]) -> WeightFile:
    where = "a file of the weights"
    if "url" in entry:
        if not isinstance(entry["url"], str):
            raise CardError(f"url in {where} must be a text; several go into urls.")
        if "urls" in entry:
            raise CardError(f"{where} has url and urls; give one of them.")
        entry["urls"] = [entry.pop("url")]
    if "archive" in entry:
        entry["archive"] = build(Archive, "archive", entry["archive"])
    return build(WeightFile, where, entry)


def _parse_weights(entry: dict[str, Any], decoder: Decoder) -> Weights:
    files = tables("files", entry.get("files"))
    built = tuple(_parse_file(file) for file in files)
    weights = build(Weights, "weights", {**entry, "files": built})
    if not weights.precision:
        raise CardError("weights need a precision.")
    if weights.network is None and set(weights.outputs) != set(decoder.outputs):
        raise CardError(f"weights need outputs for {' and '.join(decoder.outputs)}.")
    if weights.network is not None and weights.network not in NETWORKS:
        raise CardError(
            f"there is no network {weights.network!r}; known are {', '.join(NETWORKS)}."
        )
    return weights
