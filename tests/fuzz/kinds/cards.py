"""Model cards and the skeletons in them; those that load must work."""

from __future__ import annotations

import tomllib
from pathlib import Path
from random import Random

import numpy as np

from engines.decoders.paf import paf_decoder
from engines.models.card import FOLDER, Card, load_card
from engines.types.letterbox import Letterbox
from engines.types.skeleton import FOLDER as SKELETONS
from tests.fuzz.mutate import as_toml, damage, scalar, scramble, spoil

MAPS = 4, 8  # rows and columns


class Kind:
    share = 1800
    limit = 10.0
    speaks = ""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "mine.toml"
        self._texts = [path.read_text() for path in sorted(FOLDER.glob("*.toml"))]
        self._data = [tomllib.loads(text) for text in self._texts]
        skeletons = [tomllib.loads(path.read_text()) for path in SKELETONS.glob("*.toml")]
        paf = next(one for one in self._data if one["decoder"]["kind"] == "paf")
        self._data += [
            {**paf, "skeleton": skeleton, "decoder": _decoder(skeleton)} for skeleton in skeletons
        ]

    def case(self, rng: Random) -> bool:
        match rng.randrange(6):
            case 0 | 1 | 2:
                data = spoil(rng, rng.choice(self._data))
                if not isinstance(data, dict):
                    data = {"card": data}
                text = "".join(f"{as_toml(key)} = {as_toml(v)}\n" for key, v in data.items())
                content = text.encode()
            case 3:
                content = scramble(rng, rng.choice(self._texts)).encode(errors="surrogatepass")
            case 4:
                content = damage(rng, rng.choice(self._texts).encode())
            case _:
                return bool(load_card(f"{scalar(rng)}{rng.choice(('', '.toml'))}"))
        self._path.write_bytes(content)
        card = load_card(str(self._path))
        if card.decoder.kind == "paf":
            _use(rng, card)
        return True

    def close(self) -> None:
        pass


def _decoder(skeleton: object) -> dict[str, object]:
    assert isinstance(skeleton, dict)
    limbs = len(skeleton["limbs"]) + len(skeleton.get("redundant", []))
    return {"kind": "paf", "pafs": [[2 * n, 2 * n + 1] for n in range(limbs)]}


def _use(rng: Random, card: Card) -> None:
    """One picture's maps, as a network that fits the card would give them."""
    noise = np.random.default_rng(rng.getrandbits(32))
    decoder = paf_decoder(card.decoder, "this")
    channels = 1 + max(max(pair) for pair in decoder.channels)
    if channels > 1000:
        return  # no network has them; it is refused when it is opened
    heat = noise.random((len(card.skeleton.keypoints), *MAPS), np.float32)
    heat[heat < 0.9] = 0
    pafs = noise.random((channels, *MAPS), np.float32)
    size = 64, 32
    poses = decoder.decode(decoder.candidates(heat, pafs, Letterbox(size, size, size)))
    assert len(poses.xy) == len(poses.score)
    _ = card.skeleton.mirror, card.skeleton.drawn
