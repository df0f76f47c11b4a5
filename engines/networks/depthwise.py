"""Depthwise convolutions that are trained in bfloat16 without waiting for their gradients."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

SLOW_KERNEL = 5  # from this side on the weights' gradients are slow


class _Depthwise(torch.autograd.Function):
    """Forward in the input's numbers, what oneDNN is slow at backward in float32: gradients of
    inputs with strides (4 to 8 times as long in bfloat16), and of large kernels (3 to 5 times).
    """

    @staticmethod
    def forward(
        context: Any, x: Tensor, weight: Tensor, stride: tuple[int, ...], padding: tuple[int, ...]
    ) -> Tensor:
        context.save_for_backward(x, weight)
        context.arguments = stride, padding
        return functional.conv2d(x, weight.to(x.dtype), None, stride, padding, 1, x.shape[1])

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor, None, None]:
        x, weight = context.saved_tensors
        stride, padding = context.arguments
        (gradient,) = gradients

        def one(number: torch.dtype, mask: list[bool]) -> list[Tensor]:
            found: list[Tensor] = torch.ops.aten.convolution_backward(
                gradient.to(number),
                x.to(number),
                weight.to(number),
                None,
                stride,
                padding,
                (1, 1),
                False,
                (0, 0),
                x.shape[1],
                mask,
            )
            return found

        strided, large = stride[0] > 1, weight.shape[-1] >= SLOW_KERNEL
        to_x = None
        if context.needs_input_grad[0]:
            to_x = one(torch.float32 if strided else x.dtype, [True, False, False])[0].to(x.dtype)
        to_weight = one(torch.float32 if large else x.dtype, [False, True, False])[1]
        return to_x, to_weight.to(weight.dtype), None, None


class Depthwise(nn.Conv2d):
    """nn.Conv2d with a group a channel, and the same results."""

    def __init__(self, channels: int, size: int, stride: int, padding: int) -> None:
        super().__init__(channels, channels, size, stride, padding, groups=channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        if torch.is_grad_enabled() and x.dtype is torch.bfloat16:
            assert not isinstance(self.padding, str)
            out: Tensor = _Depthwise.apply(x, self.weight, self.stride, self.padding)
            return out
        return super().forward(x)
