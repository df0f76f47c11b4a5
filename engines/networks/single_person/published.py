"""Names of parameters in published PyTorch files, as the modules here have them.

| file | its names |
|---|---|
| microsoft/human-pose-estimation.pytorch, leoxiaobin's HRNet | as here |
| bearpaw/pytorch-pose (Stacked Hourglass) | `module.` before them, in `state_dict` |
| GengDavid/pytorch-cpn | `module.` before them, in `state_dict` |
| MMPose 0.x: Simple Baselines, HRNet, DeepPose | `backbone.` and `keypoint_head.` before them |
| MMPose 1.x: the same, and SimCC | `backbone.` and `head.` before them, in `state_dict` |
| torchvision's ResNet, alone | a trunk; its classes `fc.` are left out, the head is lacking |
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import nn

PREFIX = re.compile(r"^(module\.|backbone\.|keypoint_head\.|head\.)+")
CLASSES = re.compile(r"(^|\.)fc\.(weight|bias)$")  # of ImageNet, on a trunk


def renamed(found: Mapping[str, Any], module: nn.Module) -> dict[str, Any]:
    """A file's content as a state dict of the module.

    What a checkpoint holds beside it (an optimiser's state, a number of epochs) is left out.
    """
    state = found.get("state_dict", found)
    own = module.state_dict().keys()
    names = {name: name if name in own else PREFIX.sub("", name) for name in state}
    return {new: state[old] for old, new in names.items() if new in own or not CLASSES.search(new)}
