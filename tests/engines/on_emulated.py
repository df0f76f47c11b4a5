"""What test_cuda.py runs in a process of its own: python on_emulated.py DRIVER CASE."""

from __future__ import annotations

import ctypes
import gc
import sys

import numpy as np
import pytest

# Before pycuda, which then finds this driver in place of one of the machine.
DRIVER = ctypes.CDLL(sys.argv[1], mode=ctypes.RTLD_GLOBAL)

from engines.card import load_card  # noqa: E402
from engines.cuda import Cuda  # noqa: E402
from engines.decoders.paf import PafDecoder  # noqa: E402
from engines.errors import DeviceError  # noqa: E402
from engines.frame import Frame  # noqa: E402
from engines.lane import Bound, Buffer, Lane  # noqa: E402
from engines.letterbox import Letterbox, Rows  # noqa: E402
from engines.libcuda import usable_gpu  # noqa: E402
from engines.ondevice import OnDevice  # noqa: E402
from tests import synth  # noqa: E402
from tests.gpu.report import Still  # noqa: E402

CARD = load_card("human-pose-estimation-0001")
SIZE = (240, 160)
BOX = Letterbox.fit((480, 320), 160, 8)
PARSER = PafDecoder(CARD.skeleton, 8, CARD.paf_channels, CARD.settings)


def crowd(people: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(people)
    return synth.render(synth.crowd(people, SIZE, rng), SIZE, noise=0.01, rng=rng)


def same(cuda: Cuda) -> None:
    """Recorded work gives what numpy does, each time, for two lanes with work in flight at once."""
    maps = crowd(1), crowd(3)
    frames = [Frame(cuda.lane(), Still([one]), PARSER, CARD.input, BOX, 1) for one in maps]
    rng = np.random.default_rng(0)
    before = DRIVER.emulated_launches()
    for _ in range(3):
        pictures = rng.integers(0, 256, (2, 320, 480, 3)).astype(np.uint8)
        for frame, picture in zip(frames, pictures, strict=True):
            for table in frame._host.values():  # what the recording's first run left there
                table.view(np.uint8)[...] = 0
            frame.start([picture])
        for frame, picture, (heat, pafs) in zip(frames, pictures, maps, strict=True):
            (ours,) = frame.result()
            oracle = PARSER.evidence(heat, pafs, BOX)
            assert len(oracle.pairs) > 10
            np.testing.assert_allclose(ours.peaks, oracle.peaks, atol=1e-3)
            np.testing.assert_allclose(ours.pairs, oracle.pairs, atol=1e-4)
            seen = frame._lane.fetch(frame._input)[0]
            np.testing.assert_array_equal(seen, BOX.apply(picture).transpose(2, 0, 1))
    assert DRIVER.emulated_launches() - before == 2 * 3 * 3
    assert DRIVER.emulated_replays() == 6


def stream(cuda: Cuda) -> None:
    """The estimator with two sets in flight, and nothing left behind when it closes."""
    maps = crowd(2)
    estimator = OnDevice(cuda.lane, Still([maps]), PARSER, CARD.input, Rows(160), close=cuda.close)
    picture = np.zeros((320, 480, 3), np.uint8)
    estimator.submit([picture])
    for _ in range(4):
        estimator.submit([picture])
        (found,) = estimator.result()
        assert len(estimator.decode(found)) == 2
    estimator.close()
    assert DRIVER.emulated_contexts() == 0


def overflow(cuda: Cuda) -> None:
    """Tables that overflow are told from the counters; the maps are fetched."""
    heat = np.zeros((19, 20, 30), np.float32)
    heat[:, ::2, ::2] = np.random.default_rng(0).random((19, 10, 15)) / 2 + 0.2
    pafs = np.full((38, 20, 30), -1, np.float32)
    frame = Frame(cuda.lane(), Still([(heat, pafs)]), PARSER, CARD.input, BOX, 1)
    frame.start([np.zeros((320, 480, 3), np.uint8)])
    (ours,) = frame.result()
    oracle = PARSER.evidence(heat, pafs, BOX)
    np.testing.assert_array_equal(ours.peaks, oracle.peaks)
    np.testing.assert_array_equal(ours.pairs, oracle.pairs)


class Waits:
    """A network that waits for the device, which may not be recorded."""

    def __init__(self, lane: Lane, entry: Buffer) -> None:
        self.heatmaps = lane.constant(np.zeros((1, 19, 20, 30), np.float32))
        self.pafs = lane.constant(np.zeros((1, 38, 20, 30), np.float32))
        self.shapes = (1, 19, 20, 30), (1, 38, 20, 30)
        self.lane = lane

    def enqueue(self) -> None:
        self.lane.wait()


class Waiting:
    def bind(self, lane: Lane, entry: Buffer, shape: tuple[int, int, int]) -> Bound:
        return Waits(lane, entry)

    def close(self) -> None:
        pass


def refused(cuda: Cuda) -> None:
    """What cannot be recorded is an error of ours, and the lane is fit again after it."""
    with pytest.raises(DeviceError, match="The GPU failed"):
        Frame(cuda.lane(), Waiting(), PARSER, CARD.input, BOX, 1)
    gc.collect()
    overflow(cuda)


def full(cuda: Cuda) -> None:
    """A picture that the GPU has no memory for; the next is done."""
    box = Letterbox.fit((6000, 4000), 160, 8)
    with pytest.raises(DeviceError, match="no 69 MiB left"):
        Frame(cuda.lane(), Still([crowd(1)]), PARSER, CARD.input, box, 1)
    gc.collect()
    overflow(cuda)


if __name__ == "__main__":
    CUDA = Cuda(usable_gpu(sys.argv[1]))
    try:
        globals()[sys.argv[2]](CUDA)
    finally:
        gc.collect()
        if DRIVER.emulated_contexts():
            CUDA.close()
    assert DRIVER.emulated_live() == 0, "memory is left behind"
    sys.stdout.write("passed\n")
