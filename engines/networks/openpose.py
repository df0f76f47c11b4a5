"""OpenPose's two networks, for people who own weights for them; none come with this program.

Written from the papers: CVPR'17 ("Realtime Multi-Person 2D Pose Estimation using Part Affinity
Fields", section 2.1, figure 3) and TPAMI'19 ("OpenPose: Realtime Multi-Person 2D Pose Estimation
using Part Affinity Fields", section 3.2, figure 3). Parameters are named after the published
layers: conv1_1.weight, Mconv7_stage6_L2.bias, Mprelu1_stage0_L2_0.weight, ...
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

# VGG-19 as far as conv4_2, then two layers of the paper's own; None = 2x2 maximum.
TRUNK = (
    *(("conv1_1", 3, 64), ("conv1_2", 64, 64), None),
    *(("conv2_1", 64, 128), ("conv2_2", 128, 128), None),
    *(("conv3_1", 128, 256), ("conv3_2", 256, 256), ("conv3_3", 256, 256), ("conv3_4", 256, 256)),
    *(None, ("conv4_1", 256, 512), ("conv4_2", 512, 512)),
    *(("conv4_3_CPM", 512, 256), ("conv4_4_CPM", 256, 128)),
)
FEATURES = 128


class Cvpr17(nn.Module):
    """Six stages of two branches: L1 the affinity fields, L2 the confidence maps.

    maps: confidence maps with the background; fields: affinity channels. Strides 8.
    """

    def __init__(self, maps: int = 19, fields: int = 38, stages: int = 6) -> None:
        super().__init__()
        self.count = stages
        layers = {name: _conv(a, b, 3) for name, a, b in filter(None, TRUNK)}
        for branch, out in (("L1", fields), ("L2", maps)):
            for n in (1, 2, 3):
                layers[f"conv5_{n}_CPM_{branch}"] = _conv(FEATURES, 128, 3)
            layers[f"conv5_4_CPM_{branch}"] = _conv(128, 512, 1)
            layers[f"conv5_5_CPM_{branch}"] = _conv(512, out, 1)
            for stage in range(2, stages + 1):
                given = FEATURES + maps + fields
                for n in range(1, 6):
                    layers[f"Mconv{n}_stage{stage}_{branch}"] = _conv(given, 128, 7)
                    given = 128
                layers[f"Mconv6_stage{stage}_{branch}"] = _conv(128, 128, 1)
                layers[f"Mconv7_stage{stage}_{branch}"] = _conv(128, out, 1)
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 3, H, W) -> confidence maps, affinity fields."""
        maps, fields = self.stages(pictures)
        return maps[-1], fields[-1]

    def stages(self, pictures: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """The confidence maps and the affinity fields of every stage."""
        features = pictures
        for entry in TRUNK:
            if entry is None:
                features = nn.functional.max_pool2d(features, 2)
            else:
                features = torch.relu(self.get_submodule(entry[0])(features))
        names = [f"conv5_{n}_CPM" for n in range(1, 6)]
        fields, maps = ([self._branch(features, names, branch)] for branch in ("L1", "L2"))
        for stage in range(2, self.count + 1):
            names = [f"Mconv{n}_stage{stage}" for n in range(1, 8)]
            both = torch.cat([fields[-1], maps[-1], features], 1)
            fields.append(self._branch(both, names, "L1"))
            maps.append(self._branch(both, names, "L2"))
        return maps, fields

    def _branch(self, value: Tensor, names: list[str], branch: str) -> Tensor:
        for name in names[:-1]:
            value = torch.relu(self.get_submodule(f"{name}_{branch}")(value))
        result: Tensor = self.get_submodule(f"{names[-1]}_{branch}")(value)
        return result


class Tpami19(nn.Module):
    """Four stages that refine the affinity fields (L2), then two for the confidence maps (L1).

    Blocks of three 3x3 convolutions, whose outputs are all kept, in place of one of 7x7.
    """

    PAF_STAGES = 4
    MAP_STAGES = 2

    def __init__(self, maps: int = 26, fields: int = 52) -> None:
        super().__init__()
        for name, a, b in filter(None, TRUNK):
            self.add_module(name, _conv(a, b, 3))
        for name, wide in (("prelu4_2", 512), ("prelu4_3_CPM", 256), ("prelu4_4_CPM", 128)):
            self.add_module(name, nn.PReLU(wide))
        for stage in range(self.PAF_STAGES):
            self._add_stage(f"stage{stage}_L2", FEATURES + (fields if stage else 0), fields, stage)
        for stage in range(self.MAP_STAGES):
            given = FEATURES + fields + (maps if stage else 0)
            self._add_stage(f"stage{stage}_L1", given, maps, stage)

    def _add_stage(self, stage: str, given: int, out: int, number: int) -> None:
        wide, late = (128, 512) if number else (96, 256)
        for n in range(1, 6):
            for part in range(3):
                self.add_module(f"Mconv{n}_{stage}_{part}", _conv(given, wide, 3))
                self.add_module(f"Mprelu{n}_{stage}_{part}", nn.PReLU(wide))
                given = wide
            given = 3 * wide
        self.add_module(f"Mconv6_{stage}", _conv(given, late, 1))
        self.add_module(f"Mprelu6_{stage}", nn.PReLU(late))
        self.add_module(f"Mconv7_{stage}", _conv(late, out, 1))

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 3, H, W) -> confidence maps, affinity fields."""
        maps, fields = self.stages(pictures)
        return maps[-1], fields[-1]

    def stages(self, pictures: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """The two stages' confidence maps, and the four stages' affinity fields."""
        features = pictures
        for entry in TRUNK:
            if entry is None:
                features = nn.functional.max_pool2d(features, 2)
                continue
            name = entry[0]
            features = self.get_submodule(name)(features)
            own = name.replace("conv", "prelu")
            features = self.get_submodule(own)(features) if hasattr(self, own) else features.relu()
        fields = [self._stage(features, "stage0_L2")]
        for stage in range(1, self.PAF_STAGES):
            both = torch.cat([features, fields[-1]], 1)
            fields.append(self._stage(both, f"stage{stage}_L2"))
        maps = [self._stage(torch.cat([features, fields[-1]], 1), "stage0_L1")]
        for stage in range(1, self.MAP_STAGES):
            both = torch.cat([features, maps[-1], fields[-1]], 1)
            maps.append(self._stage(both, f"stage{stage}_L1"))
        return maps, fields

    def _stage(self, value: Tensor, stage: str) -> Tensor:
        for n in range(1, 6):
            parts = []
            for part in range(3):
                value = self.get_submodule(f"Mconv{n}_{stage}_{part}")(value)
                value = self.get_submodule(f"Mprelu{n}_{stage}_{part}")(value)
                parts.append(value)
            value = torch.cat(parts, 1)
        value = self.get_submodule(f"Mprelu6_{stage}")(self.get_submodule(f"Mconv6_{stage}")(value))
        result: Tensor = self.get_submodule(f"Mconv7_{stage}")(value)
        return result


def _conv(given: int, out: int, size: int) -> nn.Conv2d:
    return nn.Conv2d(given, out, size, padding=size // 2)
