"""What test_cuda_stream.py runs in a process of its own: on_emulated DRIVER CASE."""

from __future__ import annotations

import ctypes
import gc
import logging
import os
import sys
from collections import deque

import numpy as np
import pytest

# Before pycuda, which then finds this driver in place of one of the machine.
DRIVER = ctypes.CDLL(sys.argv[1], mode=ctypes.RTLD_GLOBAL)

from engines.fallback import Spared  # noqa: E402
from engines.models.card import load_card  # noqa: E402
from engines.nvidia.aside import Aside  # noqa: E402
from engines.nvidia.cuda_stream import Cuda  # noqa: E402
from engines.nvidia.driver import usable_gpu, usable_gpus  # noqa: E402
from engines.runtimes.device_crops import CropsOnDevice  # noqa: E402
from engines.runtimes.device_estimator import OnDevice  # noqa: E402
from engines.runtimes.device_graph import DeviceGraph  # noqa: E402
from engines.runtimes.device_stream import BoundNetwork, Buffer, Lane  # noqa: E402
from engines.spread import Spread  # noqa: E402
from engines.types.errors import DeviceError  # noqa: E402
from engines.types.letterbox import Letterbox, Rows  # noqa: E402
from engines.types.poses import Candidates  # noqa: E402
from tests import synth  # noqa: E402
from tests.gpu.crops import BORDER, ENTRY, NoNetwork, compare_crops, people  # noqa: E402
from tests.gpu.measure import Still  # noqa: E402

CARD = load_card("human-pose-estimation-0001")
SIZE = (240, 160)
BOX = Letterbox.fit((480, 320), 160, 8)
DRIVER.emulated_done.restype = ctypes.c_char_p
PARSER = CARD.decoder


def crowd(people: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(people)
    return synth.render(synth.crowd(people, SIZE, rng), SIZE, noise=0.01, rng=rng)


def same(cuda: Cuda) -> None:
    """Recorded work gives what numpy does, each time, for two lanes with work in flight at once."""
    maps = crowd(1), crowd(3)
    frames = [DeviceGraph(cuda.lane(), Still([one]), PARSER, CARD.input, BOX, 1) for one in maps]
    rng = np.random.default_rng(0)
    before = DRIVER.emulated_launches()
    for _ in range(3):
        pictures = rng.integers(0, 256, (2, 320, 480, 3)).astype(np.uint8)
        for frame, picture in zip(frames, pictures, strict=True):
            for table in frame._decoding._host.values():  # what recording left there
                table.view(np.uint8)[...] = 0
            frame.start([picture])
        for frame, picture, (heat, pafs) in zip(frames, pictures, maps, strict=True):
            (ours,) = frame.result()
            oracle = PARSER.candidates(heat, pafs, BOX)
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
        assert len(estimator.decoder.decode(found)) == 2
    estimator.close()
    assert DRIVER.emulated_contexts() == 0


def overflow(cuda: Cuda) -> None:
    """Tables that overflow are told from the counters; the maps are fetched."""
    heat = np.zeros((19, 20, 30), np.float32)
    heat[:, ::2, ::2] = np.random.default_rng(0).random((19, 10, 15)) / 2 + 0.2
    pafs = np.full((38, 20, 30), -1, np.float32)
    frame = DeviceGraph(cuda.lane(), Still([(heat, pafs)]), PARSER, CARD.input, BOX, 1)
    frame.start([np.zeros((320, 480, 3), np.uint8)])
    (ours,) = frame.result()
    oracle = PARSER.candidates(heat, pafs, BOX)
    np.testing.assert_array_equal(ours.peaks, oracle.peaks)
    np.testing.assert_array_equal(ours.pairs, oracle.pairs)


class Marking:
    """A network that leaves a mark of its own where it is run."""

    def bind(self, lane: Lane, entry: Buffer, shape: tuple[int, int, int]) -> BoundNetwork:
        bound = Still([crowd(1)] * shape[0]).bind(lane, entry, shape)
        mark = lane.empty((1,), np.uint8)
        bound.enqueue = lambda: lane.zero(mark)  # type: ignore[method-assign]
        return bound

    def close(self) -> None:
        pass


def done() -> list[list[str]]:
    """What has been done since this was last asked, as [stream, what]."""
    words = DRIVER.emulated_done().decode().split()
    DRIVER.emulated_forget()
    return [word.split(":") for word in words]


def order(cuda: Cuda) -> None:
    """Each set is one graph on a stream of its own, and nothing waits before a result is asked."""
    estimator = OnDevice(cuda.lane, Marking(), PARSER, CARD.input, Rows(160), close=cuda.close)
    pictures = [np.zeros((320, 480, 3), np.uint8)] * 2
    for _ in range(2):  # the graphs are recorded
        estimator.submit(pictures)
        estimator.result()
    done()
    replays = DRIVER.emulated_replays()
    estimator.submit(pictures)
    estimator.submit(pictures)
    assert DRIVER.emulated_replays() == replays + 2
    assert done() == []
    frame = ["up", "letterbox", "zero", "zero", "zero", "peaks", "limbs", *["down"] * 5]
    streams = []
    for _ in range(2):
        estimator.result()
        found = done()
        assert [what for _, what in found] == frame
        streams.append({stream for stream, _ in found})
    assert [len(one) for one in streams] == [1, 1]
    assert streams[0] != streams[1]
    estimator.close()


def shapes(cuda: Cuda) -> None:
    """Recorded once for each size and number of pictures; the memory of a few is kept."""
    estimator = OnDevice(cuda.lane, Marking(), PARSER, CARD.input, Rows(160), close=cuda.close)

    def run(count: int, wide: int) -> int:
        before = DRIVER.emulated_recordings()
        for _ in range(2):  # each on its lane
            estimator.submit([np.zeros((320, wide, 3), np.uint8)] * count)
        for _ in range(2):
            found = estimator.result()
            assert len(found) == count
            assert all(len(estimator.decoder.decode(one)) == 1 for one in found)
        return int(DRIVER.emulated_recordings() - before)

    asked = [(1, 480), (1, 480), (2, 480), (1, 480), (1, 482), (2, 480)]
    assert [run(*one) for one in asked] == [2, 0, 2, 0, 2, 0]
    held = []
    for wide in range(484, 496, 2):
        assert run(1, wide) == 2
        held.append(DRIVER.emulated_live())
    assert held[1:] == held[:1] * 5
    estimator.close()


class Numpy:
    """The CPU's estimator, of the maps that are on the GPU."""

    depth = 1
    decoder = PARSER

    def __init__(self) -> None:
        self.flying: deque[int] = deque()

    def submit(self, images: list[np.ndarray]) -> None:
        self.flying.append(len(images))

    def result(self) -> list[Candidates]:
        return [PARSER.candidates(*crowd(1), BOX) for _ in range(self.flying.popleft())]

    def close(self) -> None:
        pass


def breaks(cuda: Cuda) -> None:
    """A GPU that breaks with two sets in flight: a sentence, and the CPU does them, in order."""
    said: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("engines").addHandler(handler)

    def opened() -> OnDevice:
        return OnDevice(cuda.lane, Marking(), PARSER, CARD.input, Rows(160), close=cuda.close)

    estimator = Spared(opened, Numpy)
    picture = np.zeros((320, 480, 3), np.uint8)
    for count in (1, 2):
        estimator.submit([picture] * count)
    for n in range(6):
        if n == 3:
            DRIVER.emulated_break(5)  # within the work that was submitted
        found = estimator.result()
        assert len(found) == 1 + n % 2
        assert all(len(estimator.decoder.decode(one)) == 1 for one in found)
        estimator.submit([picture] * (1 + n % 2))
    assert len(said) == 1, said
    assert said[0].startswith("The GPU failed: cuStreamSynchronize failed")
    assert said[0].endswith(" The CPU is used.")
    estimator.close()
    assert DRIVER.emulated_contexts() == 0
    gc.collect()
    sys.stdout.write("passed\n")
    sys.stdout.flush()
    os._exit(0)  # the memory of a broken GPU cannot be given back


class Waits:
    """A network that waits for the device, which may not be recorded."""

    def __init__(self, lane: Lane, entry: Buffer) -> None:
        self.shapes = {"heatmaps": (1, 19, 20, 30), "pafs": (1, 38, 20, 30)}
        self.arrays = {
            role: lane.constant(np.zeros(shape, np.float32)) for role, shape in self.shapes.items()
        }
        self.lane = lane

    def enqueue(self) -> None:
        self.lane.wait()


class Waiting:
    def bind(self, lane: Lane, entry: Buffer, shape: tuple[int, int, int]) -> BoundNetwork:
        return Waits(lane, entry)

    def close(self) -> None:
        pass


def refused(cuda: Cuda) -> None:
    """What cannot be recorded is an error of ours, and the lane is fit again after it."""
    with pytest.raises(DeviceError, match="The GPU failed"):
        DeviceGraph(cuda.lane(), Waiting(), PARSER, CARD.input, BOX, 1)
    gc.collect()
    overflow(cuda)


def two(cuda: Cuda) -> None:
    """Sets of pictures in turn on two GPUs in one thread: order is kept, each works with its own
    context, and nothing is left behind. On a driver of EMULATED_GPUS=2.
    """
    assert [gpu.index for gpu in usable_gpus(None, 2, sys.argv[1])] == [0, 1]
    maps = crowd(1), crowd(3)

    def opened(number: int, own: Cuda) -> Aside:
        network = Still([maps[number]])
        inner = OnDevice(own.lane, network, PARSER, CARD.input, Rows(160), close=own.close)
        return Aside(own, inner)

    def second() -> Aside:
        return opened(1, Cuda(usable_gpus(1, 1, sys.argv[1])[0]))

    spread = Spread([lambda: opened(0, cuda), second])
    assert spread.depth == 4
    assert DRIVER.emulated_contexts() == 0
    picture = np.zeros((320, 480, 3), np.uint8)
    for _ in range(3):
        spread.submit([picture])
    found = []
    for _ in range(7):
        spread.submit([picture])
        (one,) = spread.result()
        found.append(len(spread.decoder.decode(one)))
    assert found == [1, 3, 1, 3, 1, 3, 1]
    assert DRIVER.emulated_contexts() == 0
    spread.close()
    assert DRIVER.emulated_contexts() == 0


def crops(cuda: Cuda) -> None:
    """Recorded once for each number of crops, and done in one order; the pixels are OpenCV's."""
    compare_crops(cuda.lane)
    gc.collect()
    held = DRIVER.emulated_live()
    runner = CropsOnDevice(cuda.lane(), NoNetwork(), ("points",), ENTRY, BORDER)
    image = np.random.default_rng(1).integers(0, 256, (320, 480, 3)).astype(np.uint8)

    def run(count: int) -> int:
        before = DRIVER.emulated_recordings()
        found = runner.run([image], [people(count, (192, 256))])
        assert found["points"].shape == (count, 1, 17, 3)
        return int(DRIVER.emulated_recordings() - before)

    assert [run(count) for count in (1, 3, 4, 1, 2, 3)] == [1, 1, 0, 0, 1, 0]
    done()
    run(3)
    assert [what for _, what in done()] == ["up", "up", "up", "crops", "down"]
    runner.close()
    gc.collect()
    assert DRIVER.emulated_live() == held


def full(cuda: Cuda) -> None:
    """A picture that the GPU has no memory for; the next is done."""
    box = Letterbox.fit((6000, 4000), 160, 8)
    with pytest.raises(DeviceError, match="no 69 MiB left"):
        DeviceGraph(cuda.lane(), Still([crowd(1)]), PARSER, CARD.input, box, 1)
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
