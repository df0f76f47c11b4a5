"""Fixtures of the tests of networks."""

from __future__ import annotations

from typing import Any

import pytest


def thinner(channels: int) -> int:
    """An eighth of what is wide; what keypoints and limbs count stays, also where it is joined to
    features (of 128 channels).
    """
    if channels < 64:
        return channels
    return channels // 8 if channels % 32 == 0 else channels - 128 + 128 // 8


@pytest.fixture
def thin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks have every kind of layer that they have, of fewer channels and repeated less often:
    a hundred megabytes of weights and five hundred convolutions take seconds and tell no more.
    """
    torch: Any = pytest.importorskip("torch", reason="PyTorch is not installed")
    from engines.networks.single_person import hrnet, resnet

    monkeypatch.setitem(resnet.DEPTHS, 50, (2, 2, 1, 1))
    monkeypatch.setattr(hrnet, "STAGES", {2: 1, 3: 2, 4: 2})
    monkeypatch.setattr(hrnet, "BLOCKS", 2)

    def of(layer: Any, narrowed: int) -> Any:
        """A layer of which so many sizes that it is given are thinner."""

        class Thin(layer):  # type: ignore[misc]
            def __init__(self, *sizes: int, **how: Any) -> None:
                less = [thinner(size) for size in sizes[:narrowed]]
                super().__init__(*less, *sizes[narrowed:], **how)

        return Thin

    for name, narrowed in (
        ("Conv2d", 2),
        ("ConvTranspose2d", 2),
        ("BatchNorm2d", 1),
        ("PReLU", 1),
        ("Linear", 1),
    ):
        monkeypatch.setattr(torch.nn, name, of(getattr(torch.nn, name), narrowed))
