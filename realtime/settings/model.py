"""What finds the people."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from typing import Literal

from engines.decoders.limb_matching import Matching
from engines.decoders.partition.ilp import Assembling
from engines.parts.kinds import Part
from engines.second_look.body_crops import Crowd
from engines.types.device import DeviceChoice
from engines.types.errors import DeviceError
from realtime.types.errors import SettingsError


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """The model that finds the people."""

    model: str | None = field(default=None, metadata={"short": "m"})
    """A model's name, as `python -m engines list` shows it, or your own model card (a .toml file).
    The default is human-pose-estimation-0001, or the bundled model if that cannot be downloaded."""
    device: str = field(default="auto", metadata={"metavar": "auto|cpu|cuda|cuda:N"})
    """Where the network runs; auto picks an NVIDIA GPU if one is ready, else the CPU; cuda:1 is the
    second GPU."""
    gpus: int = 1
    """Spread frames over so many GPUs, from that of --device on."""
    precision: Literal["auto", "fp32", "bf16", "fp16", "int8"] = "auto"
    """Arithmetic of the network; auto picks the fastest that has weights. fp16 is for GPUs; CPUs
    use bf16 instead."""
    height: int | None = None
    """Rows of the network's input, or pixels of its longer side where the card says so: more
    find smaller people, fewer run faster. By default the model's own for wide pictures, and more
    for upright ones at the same cost."""
    scales: str | None = None
    """Look at each picture in several sizes, as multiples of --height (1,0.75), and average the
    network's maps; every size takes its own time."""
    flip_test: bool = False
    """Look at each picture mirrored as well, and average the maps; finds more in photos, and takes
    twice as long."""
    refine: str | None = None
    """Look again at each person with a crop network: its name (movenet-lightning, movenet-thunder)
    or card; auto picks one that is here or can be downloaded. By default movenet-lightning on CPUs
    if its weights are here and you name no --model and no --rig, else off."""
    refine_people: int | None = None
    """Look again at no more than this many people in a frame, the largest first."""
    detector: str | None = None
    """Look also at people in the boxes of a detector: the model card of a YOLOX or NanoDet network
    of your own. It finds people whom --model misses, for --refine to look at."""
    crowd: Crowd = "crops"
    """Whose a keypoint is that the crops of several people show: of each crop's person (crops), or
    of whom one assignment over all crops of a picture gives it to (graph, as CrowdPose does)."""
    hands: bool = False
    """Add the 21 keypoints of each hand (MediaPipe's network, downloaded once)."""
    face: bool = False
    """Add OpenPose's 70 keypoints of each face (MediaPipe's network, downloaded once)."""
    feet: bool = False
    """Add heels and big toes (BlazePose, downloaded once); without effect for models with feet."""
    whole_body: bool = False
    """Add hands, faces and feet."""
    preset: Literal["fast", "balanced", "best", "auto"] | None = None
    """Sets --model, --height and --refine together, except those that you give. auto measures what
    this machine can do."""
    peak_threshold: float | None = None
    """Minimum confidence of a keypoint; the model's own by default."""
    limb_threshold: float | None = None
    """Minimum affinity along a limb; the model's own by default."""
    limb_share: float | None = None
    """Share of the places along a limb, 0 to 1, that must reach --limb-threshold; the model's own
    by default."""
    match: Matching | None = None
    """Which limbs to take where several want the same keypoint: the strongest first (greedy, the
    default) or those with the highest sum (hungarian)."""
    assemble: Assembling | None = None
    """How keypoints become people: limb by limb (limbs, the default), or all at once by an integer
    linear program (ilp, as DeepCut), which is for photos: a crowd takes seconds."""
    min_keypoints: int | None = None
    """Drop people with fewer keypoints; the model's own by default."""
    min_score: float | None = None
    """Drop people with a lower score, 0 to 1; by default the model's own rule, which asks less of
    people who are seen in part."""
    recall: bool = False
    """Find more people, and more that are not there: lowers the thresholds above that you do not
    give, as OpenPose's maximize_positives does."""
    max_people: int | None = None
    """Keep at most this many people in a frame: those with the oldest ids, or with --no-track those
    with the best scores."""

    @property
    def parts(self) -> frozenset[Part]:
        """Which parts to add to the bodies."""
        every: tuple[Part, ...] = ("hands", "face", "feet")
        return frozenset(part for part in every if self.whole_body or getattr(self, part))

    @property
    def sizes(self) -> tuple[float, ...]:
        """--scales as numbers, 1 alone by default."""
        try:
            found = tuple(
                float(one) for one in ("1" if self.scales is None else self.scales).split(",")
            )
        except ValueError:
            found = ()
        if not found or not all(0 < one < inf for one in found) or len(set(found)) < len(found):
            raise SettingsError(
                f"--scales {self.scales!r} is no list of different numbers above 0, for example "
                "1,0.75."
            )
        return found

    def __post_init__(self) -> None:
        _ = self.sizes
        try:
            kind, _number = DeviceChoice.parse(self.device)
        except DeviceError as error:
            raise SettingsError(str(error)) from error
        if self.gpus < 1:
            raise SettingsError(f"--gpus must be 1 or more, not {self.gpus}.")
        if self.gpus > 1 and kind == "cpu":
            raise SettingsError("--gpus is about GPUs; leave out --device cpu.")
        if self.height is not None and not 32 <= self.height <= 4096:
            raise SettingsError(f"--height must be from 32 to 4096, not {self.height}.")
        for name in ("min_keypoints", "max_people", "refine_people"):
            if (count := getattr(self, name)) is not None and count < 1:
                raise SettingsError(f"--{name.replace('_', '-')} must be 1 or more, not {count}.")
        if self.min_score is not None and not 0 <= self.min_score <= 1:
            raise SettingsError(f"--min-score must be from 0 to 1, not {self.min_score:g}.")
        for name in ("peak_threshold", "limb_threshold"):
            if (value := getattr(self, name)) is not None and not 0 <= value < inf:
                raise SettingsError(f"--{name.replace('_', '-')} must be 0 or more, not {value}.")
        if self.limb_share is not None and not 0 <= self.limb_share <= 1:
            raise SettingsError(f"--limb-share must be from 0 to 1, not {self.limb_share}.")
