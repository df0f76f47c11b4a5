"""The numbers that networks are trained in."""

from __future__ import annotations

import torch


def autocast(device: str) -> torch.autocast:
    """bfloat16 where the device multiplies in it. A CPU without instructions for it would take
    fifteen times as long as in float32.
    """
    has = device != "cpu" or torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return torch.autocast(device, torch.bfloat16, enabled=has)
