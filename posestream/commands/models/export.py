"""PyTorch networks as ONNX, with the card that describes them."""

from __future__ import annotations

import hashlib
import re
import sys
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

from engines.decoders.crop_decoder import CropDecoder
from engines.models.card import FOLDER, Card, load_card
from engines.models.download import download_bar
from engines.models.weights import locate
from engines.runtimes.pytorch import load_module, load_torch
from engines.types.errors import DeviceError, UsageError, WeightsError

TABLE = re.compile(r"\[\[?[A-Za-z_.\"-]+\]\]?\s*(#.*)?$")  # a table's header in a card
WEIGHTS = re.compile(r"\[\[\s*weights\s*\]\]")


@dataclass(frozen=True)
class Options:
    """Write a model's PyTorch network as ONNX, for OpenVINO and TensorRT, with a card for it."""

    model: str = field(metadata={"positional": True})
    """A model's name, as `list` shows it, or your own model card (a .toml file)."""
    output: Path = field(metadata={"short": "o"})
    """Model card to write, NAME.toml; the network goes beside it as NAME.onnx."""
    overwrite: bool = False
    """Write over files that are there."""

    def __post_init__(self) -> None:
        if self.output.suffix != ".toml":
            raise UsageError(f"--output {self.output} must end in .toml: it is the model card.")


def run(options: Options) -> int:
    """Write both files and say what to do with them."""
    card = load_card(options.model)
    if not any(form.network for form in card.weights):
        raise WeightsError(
            f"Model {card.name} has no PyTorch network; what it has runs on OpenVINO and TensorRT "
            "as it is."
        )
    graph = options.output.with_suffix(".onnx")
    for path in (options.output, graph):
        if path.exists() and not options.overwrite:
            raise UsageError(f"{path} is there already; add --overwrite to write over it.")
    torch = load_torch("cpu")
    with download_bar() as bar:
        located = locate(card, progress=bar)
    module = load_module(torch, card, located)
    try:
        to_onnx = import_module("engines.networks.to_onnx")
    except ImportError as error:
        raise DeviceError(
            f"ONNX files cannot be written ({error}); run: pip install -r requirements-gpu.txt"
        ) from error
    try:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        one_person = isinstance(card.decoder, CropDecoder)
        outputs = {role: role for role in card.decoder.outputs} if one_person else to_onnx.OUTPUTS
        content = to_onnx.module_onnx(module, outputs, card.input.size).SerializeToString()
        graph.write_bytes(content)
        text = card_text(card, _source(options.model), graph.name, content, outputs)
        options.output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{error.filename} cannot be written: {error.strerror}.") from error
    option = "--refine" if one_person else "--model"
    sys.stdout.write(
        f"{card.name}, licence {card.licence}:\n  {graph} ({len(content)} bytes)\n"
        f"  {options.output}\nRun it with {option} {options.output}; its licence is that of the "
        "weights.\n"
    )
    return 0


def _source(model: str) -> str:
    path = Path(model) if model.lower().endswith(".toml") else FOLDER / f"{model}.toml"
    return path.read_text(encoding="utf-8-sig")


def card_text(card: Card, source: str, name: str, content: bytes, outputs: dict[str, str]) -> str:
    """The card with one form of weights in place of its own: the ONNX file of this name."""
    kept, drop = [], False
    for line in source.splitlines():
        if TABLE.match(line):
            drop = bool(WEIGHTS.match(line))
        if not drop:
            kept.append(line)
    named = ", ".join(f'{ours} = "{theirs}"' for ours, theirs in outputs.items())
    digest = hashlib.sha256(content).hexdigest()
    entry = f'    {{ name = "{name}", size = {len(content)}, sha256 = "{digest}" }},'
    return "\n".join(
        [
            *"\n".join(kept).rstrip().splitlines(),
            "",
            f"# Exported from {card.name}.",
            "[[weights]]",
            'precision = ["fp32", "bf16", "fp16"]',
            f"outputs = {{ {named} }}",
            f"files = [\n{entry}\n]",
            "",
        ]
    )
