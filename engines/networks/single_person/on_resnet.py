"""Heads on a ResNet: deconvolutions (Simple Baselines), regression (DeepPose), classes (SimCC)."""

from __future__ import annotations

from functools import partial

from torch import Tensor, nn

from engines.networks.single_person.resnet import ResNet

Shapes = dict[str, tuple[int, ...]]
Size = tuple[int, int]
DECONVOLUTIONS, DECONVOLVED = 3, 256
DEEPEST_STRIDE = 32


class SimpleBaselines(ResNet):
    """Three deconvolutions and a map a keypoint, at stride 4 (Xiao et al., ECCV'18, section 2).

    Named as microsoft/human-pose-estimation.pytorch and MMPose name it.
    """

    def __init__(self, shapes: Shapes, size: Size, depth: int = 50) -> None:
        super().__init__(depth)
        layers: list[nn.Module] = []
        given = self.WIDTHS[-1]
        for _ in range(DECONVOLUTIONS):
            layers.append(nn.ConvTranspose2d(given, DECONVOLVED, 4, 2, 1, bias=False))
            layers += [nn.BatchNorm2d(DECONVOLVED), nn.ReLU(inplace=True)]
            given = DECONVOLVED
        self.deconv_layers = nn.Sequential(*layers)
        self.final_layer = nn.Conv2d(DECONVOLVED, shapes["heatmaps"][0], 1)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        """(N, 3, H, W) -> (N, K, H / 4, W / 4)."""
        return (self.final_layer(self.deconv_layers(self.features(x)[-1])),)


class DeepPose(ResNet):
    """Places straight from the features (Toshev and Szegedy, CVPR'14, section 3.1), on a ResNet as
    MMPose has it: shares of the crop's sides. It is sure of each keypoint.
    """

    def __init__(self, shapes: Shapes, size: Size, depth: int = 50) -> None:
        super().__init__(depth)
        self.fc = nn.Linear(self.WIDTHS[-1], 2 * shapes["points"][1])

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        """(N, 3, H, W) -> (N, 1, K, 3): x, y and 1."""
        features = self.features(x)[-1].mean(dim=(2, 3))
        places = self.fc(features).unflatten(1, (1, -1, 2))
        return (nn.functional.pad(places, (0, 1), value=1.0),)


class SimCC(ResNet):
    """A distribution along each axis (Li et al., ECCV'22, section 3) without deconvolutions, named
    as MMPose names it.
    """

    def __init__(self, shapes: Shapes, size: Size, depth: int = 50) -> None:
        super().__init__(depth)
        keypoints, columns = shapes["x"]
        cells = (size[0] // DEEPEST_STRIDE) * (size[1] // DEEPEST_STRIDE)
        self.final_layer = nn.Conv2d(self.WIDTHS[-1], keypoints, 1)
        self.mlp_head_x = nn.Linear(cells, columns)
        self.mlp_head_y = nn.Linear(cells, shapes["y"][1])

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        """(N, 3, H, W) -> (N, K, columns) and (N, K, rows)."""
        cells = self.final_layer(self.features(x)[-1]).flatten(2)
        return self.mlp_head_x(cells), self.mlp_head_y(cells)


simple_baselines_50, simple_baselines_101, simple_baselines_152 = (
    partial(SimpleBaselines, depth=depth) for depth in (50, 101, 152)
)
