"""Caffe's files, written here field by field and read back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from engines.networks.caffe import read_caffemodel  # noqa: E402
from engines.types.errors import WeightsError  # noqa: E402


def varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def message(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def blob(values: np.ndarray, *, older: bool = False) -> bytes:
    if older:
        sides = (1,) * (4 - values.ndim) + values.shape
        shape = b"".join(number(n + 1, side) for n, side in enumerate(sides))
    else:
        shape = message(7, message(1, b"".join(map(varint, values.shape))))
    return shape + message(5, values.astype("<f4").tobytes())


def layer(name: str, *blobs: bytes) -> bytes:
    kind = message(2, b"Convolution")
    return message(100, message(1, name.encode()) + kind + b"".join(message(7, b) for b in blobs))


@pytest.mark.parametrize("older", [False, True])
def test_parameters_have_the_names_of_their_layers(tmp_path: Path, older: bool) -> None:
    rng = np.random.default_rng(0)
    weight, bias = rng.normal(size=(5, 3, 2, 2)), rng.normal(size=300)
    slope = rng.normal(size=7)
    path = tmp_path / "net.caffemodel"
    path.write_bytes(
        message(1, b"a net")
        + layer("input")
        + layer("conv1_1", blob(weight, older=older), blob(bias, older=older))
        + varint(77 << 3 | 5)
        + b"\0\0\0\0"  # what is not known is passed over
        + varint(78 << 3 | 1)
        + bytes(8)
        + layer("prelu4_2", blob(slope, older=older))
    )
    found = read_caffemodel(path)
    assert [*found] == ["conv1_1.weight", "conv1_1.bias", "prelu4_2.weight"]
    for name, expected in zip(found, (weight, bias, slope), strict=True):
        assert found[name].shape == expected.shape
        np.testing.assert_array_equal(found[name].numpy(), expected.astype(np.float32))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no weights",
        message(1, b"a net"),
        layer("conv", blob(np.zeros((2, 2))))[:-3],
        b"\xff" * 40,
        layer("conv", message(7, message(1, varint(9))) + message(5, bytes(8))),
    ],
)
def test_other_files_are_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "net.caffemodel"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"net\.caffemodel (cannot be read as|has no layers)"):
        read_caffemodel(path)
    with pytest.raises(WeightsError, match="cannot be read as"):
        read_caffemodel(tmp_path / "none.caffemodel")
