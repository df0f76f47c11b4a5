"""ONNX -> TensorRT plan, kept in a cache that knows everything the plan depends on."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from glob import escape
from pathlib import Path
from typing import Any

from filelock import FileLock

from engines.decoders.decoder import Decoder
from engines.models.card import Card
from engines.models.places import cache_folder
from engines.models.weights import Located
from engines.nvidia.driver import Gpu
from engines.nvidia.tensorrt_engine import load_tensorrt, logger, reason
from engines.onnx_export.load import read_onnx
from engines.onnx_export.to_fp16 import to_half
from engines.types.errors import DeviceError, WeightsError
from engines.types.letterbox import Rows, Sizing
from engines.types.network_input import NetworkInput

LOG = logging.getLogger(__name__)
Progress = Callable[[str, int, int], None]  # phase, steps done, steps in all
PRECISIONS = ("fp16", "fp32", "int8")


@dataclass(frozen=True, slots=True)
class Profile:
    """Shapes that a plan holds, both ends included: pictures, network rows and columns."""

    batch: int
    heights: tuple[int, int]
    widths: tuple[int, int]

    @classmethod
    def usual(cls, entry: NetworkInput, batch: int, sizings: Sequence[Sizing]) -> Profile:
        """For these sizes of input, and pictures from upright 9:16 to 21:9."""
        heights, widths = [], []
        for sizing in sizings:
            if isinstance(sizing, Rows):
                rows, stride = sizing.height, entry.stride
                heights.append(_up(rows, stride))
                widths += [_up(rows * 9 / 16, stride), _up(rows * 21 / 9, stride)]
            else:
                for picture in ((9, 16), (16, 9), (21, 9)):
                    wide, high = entry.letterbox(sizing, picture).network
                    heights.append(high)
                    widths.append(wide)
        return cls(batch, (min(heights), max(heights)), (min(widths), max(widths)))

    @classmethod
    def of(cls, shape: tuple[int, int, int]) -> Profile:
        """One shape (batch, height, width) alone."""
        batch, high, wide = shape
        return cls(batch, (high, high), (wide, wide))

    def holds(self, other: Profile) -> bool:
        return (
            self.batch >= other.batch
            and self.heights[0] <= other.heights[0] <= other.heights[1] <= self.heights[1]
            and self.widths[0] <= other.widths[0] <= other.widths[1] <= self.widths[1]
        )

    def widened(self, shape: tuple[int, int, int]) -> Profile:
        """So that it holds (batch, height, width) too."""
        batch, high, wide = shape
        return Profile(
            max(self.batch, batch),
            (min(self.heights[0], high), max(self.heights[1], high)),
            (min(self.widths[0], wide), max(self.widths[1], wide)),
        )

    @property
    def most(self) -> int:
        """Pixels of the largest input."""
        return self.batch * self.heights[1] * self.widths[1]

    def shapes(self, stride: int) -> tuple[tuple[int, int, int], ...]:
        """Least, best and most, as (N, H, W); the best is 16:9."""
        (low, high), (narrow, wide) = self.heights, self.widths
        best = min(max(_up(high * 16 / 9, stride), narrow), wide)
        return (1, low, narrow), (self.batch, high, best), (self.batch, high, wide)


@dataclass(frozen=True, slots=True)
class Plan:
    """path: of the plan; its facts lie beside it. key: what it depends on."""

    path: Path
    key: dict[str, Any]

    @property
    def profile(self) -> Profile:
        shapes = self.key["profile"]
        return Profile(shapes["batch"], tuple(shapes["heights"]), tuple(shapes["widths"]))

    def read(self) -> bytes | None:
        """The plan, if it is the one that was built; None where it is not, or is damaged."""
        try:
            facts = json.loads(self.path.with_suffix(".json").read_text(encoding="utf-8"))
            content = self.path.read_bytes()
        except (OSError, ValueError):
            return None
        right = isinstance(facts, dict) and facts.get("key") == self.key
        digest = hashlib.sha256(content).hexdigest()
        return content if right and facts.get("sha256") == digest else None

    def write(self, content: bytes) -> None:
        """The facts go last: a plan without them is not used."""
        self.path.write_bytes(content)
        facts = {"key": self.key, "sha256": hashlib.sha256(content).hexdigest()}
        self.path.with_suffix(".json").write_text(json.dumps(facts, indent=1), encoding="utf-8")


def network_onnx(located: Located, decoder: Decoder) -> bytes:
    """The network as ONNX, in the precision that was located.

    Engines are strongly typed (TensorRT 11 has no others): what the graph says is what they do.
    """
    if located.precision not in PRECISIONS:
        raise WeightsError(
            f"TensorRT engines are built in {', '.join(PRECISIONS)}, not {located.precision}."
        )
    model = read_onnx(located, decoder)
    if located.precision != "fp32":
        model = to_half(model)
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def plan_for(
    card: Card,
    located: Located,
    profile: Profile,
    gpu: Gpu | None,
    progress: Progress | None = None,
    least: Profile | None = None,
) -> tuple[Any, Plan, bytes]:
    """The TensorRT library, a plan and its content; built for `profile` where the cache has none.

    least: what a plan that is kept must hold to be taken, the whole profile if not given.
    gpu: None builds for none in particular (TensorRT-RTX alone can). Of several processes that
    want the same plan one builds it.
    """
    library = load_tensorrt(gpu)
    content = network_onnx(located, card.decoder)
    key = {
        "onnx": hashlib.sha256(content).hexdigest(),
        "library": library.__name__,
        "version": library.__version__,
        "gpu": gpu.name if gpu else "any",
        "capability": list(gpu.capability) if gpu else [],
        "precision": located.precision,
    }
    folder, stem = plan_folder(), f"{card.name}-{located.precision}"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with FileLock(folder / ".lock"):
            for plan in _kept(folder, stem, key, least or profile):
                if (made := plan.read()) is not None:
                    return library, plan, made
            key["profile"] = json.loads(json.dumps(asdict(profile)))
            digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
            plan = Plan(folder / f"{stem}-{digest[:16]}.plan", key)
            LOG.warning(
                "Building the %s engine of %s for %s; this can take minutes, once.",
                *(located.precision, card.name, gpu.name if gpu else "any GPU"),
            )
            cache = folder / f"{library.__name__}-{library.__version__}.timing"
            entry = card.input
            shapes = tuple(entry.shape(*one) for one in profile.shapes(entry.stride))
            made = build_plan(library, content, shapes, cache, located.precision, progress)
            plan.write(made)
    except OSError as error:
        raise DeviceError(
            f"TensorRT plans cannot be kept in {folder}: {error.strerror or error}."
        ) from error
    return library, plan, made


def _kept(folder: Path, stem: str, key: dict[str, Any], wanted: Profile) -> list[Plan]:
    """Plans that depend on the same and hold what is wanted, those for the least shapes first."""
    found = []
    for path in folder.glob(f"{escape(stem)}-*.json"):
        with suppress(OSError, ValueError, TypeError, KeyError):  # damaged facts are none
            plan = Plan(path.with_suffix(".plan"), json.loads(path.read_text("utf-8"))["key"])
            if plan.profile.holds(wanted) and plan.key == {**key, "profile": plan.key["profile"]}:
                found.append(plan)
    return sorted(found, key=lambda plan: plan.profile.most)


def build_plan(
    library: Any,
    content: bytes,
    shapes: tuple[tuple[int, ...], ...],
    timing: Path,
    precision: str,
    progress: Progress | None = None,
) -> bytes:
    """A plan for inputs from the first to the last of three shapes, best at the second."""
    builder = library.Builder(logger(library))
    if builder is None:
        raise DeviceError(f"TensorRT cannot start: {reason(library)}")
    typed = getattr(library.NetworkDefinitionCreationFlag, "STRONGLY_TYPED", None)
    network = builder.create_network(0 if typed is None else 1 << int(typed))
    parser = library.OnnxParser(network, logger(library))
    if not parser.parse(content):
        said = parser.get_error(0).desc() if parser.num_errors else reason(library)
        raise DeviceError(f"TensorRT cannot read the network: {said.splitlines()[0]}")
    config = builder.create_builder_config()
    if precision == "fp32":
        config.clear_flag(library.BuilderFlag.TF32)  # which would round to 10 bits
    if (owned := getattr(library.BuilderFlag, "REQUIRE_USER_ALLOCATION", None)) is not None:
        config.set_flag(owned)  # TensorRT-RTX: without it the network may not be recorded
    profile = builder.create_optimization_profile()
    profile.set_shape(network.get_input(0).name, *shapes)
    config.add_optimization_profile(profile)
    kept = None
    if library.__name__ == "tensorrt":  # TensorRT-RTX times nothing when it builds
        kept = config.create_timing_cache(timing.read_bytes() if timing.is_file() else b"")
        config.set_timing_cache(kept, False)
    if progress is not None:
        config.progress_monitor = _monitor(library, progress)
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise DeviceError(f"TensorRT cannot build the engine: {reason(library)}")
    if kept is not None:
        timing.write_bytes(bytes(config.get_timing_cache().serialize()))
    return bytes(plan)


def plan_folder() -> Path:
    """The only place that plans are loaded from."""
    return cache_folder().parent / "plans"


def _monitor(library: Any, progress: Progress) -> Any:
    class Monitor(library.IProgressMonitor):  # type: ignore[misc]
        def __init__(self) -> None:
            library.IProgressMonitor.__init__(self)
            self.steps: dict[str, int] = {}

        def phase_start(self, phase: str, parent: str | None, steps: int) -> None:
            self.steps[phase] = steps
            progress(phase, 0, steps)

        def step_complete(self, phase: str, step: int) -> bool:
            progress(phase, step + 1, self.steps.get(phase, step + 1))
            return True

        def phase_finish(self, phase: str) -> None:
            steps = self.steps.pop(phase, 1)
            progress(phase, steps, steps)

    return Monitor()


def _up(value: float, stride: int) -> int:
    return max(stride, -(-int(value) // stride) * stride)
