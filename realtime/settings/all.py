"""All that the user may choose of a run, and what does not go together."""

from __future__ import annotations

from dataclasses import dataclass, field

from realtime.nodes.key import read_key
from realtime.settings.files import TAKE_FILES, FileSettings
from realtime.settings.model import ModelSettings
from realtime.settings.pictures import PictureSettings
from realtime.settings.sources import NODE_SCHEME, SourceSettings
from realtime.settings.space import SpaceSettings
from realtime.settings.sports import SportsSettings
from realtime.settings.tracking import TrackSettings
from realtime.settings.web import WebSettings
from realtime.settings.window import WindowSettings
from realtime.types.errors import SettingsError
from realtime.web.address import parse_address

OUTPUTS_3D = ("json3d", "output3d", *TAKE_FILES, "bootstrap")
NOBODY_FOLLOWS = (
    "--detect-every auto follows people with the network of --refine; name one, for example "
    "--refine auto."
)


@dataclass(frozen=True, slots=True)
class Settings:
    """All of a run, a group for each room; checks across groups are here."""

    sources: SourceSettings
    models: ModelSettings = field(default_factory=ModelSettings)
    tracks: TrackSettings = field(default_factory=TrackSettings)
    space: SpaceSettings = field(default_factory=SpaceSettings)
    pictures: PictureSettings = field(default_factory=PictureSettings)
    sports: SportsSettings = field(default_factory=SportsSettings)
    window: WindowSettings = field(default_factory=WindowSettings)
    files: FileSettings = field(default_factory=FileSettings)
    web: WebSettings = field(default_factory=WebSettings)

    def __post_init__(self) -> None:
        if self.space.rig is None:
            options = [name for name in OUTPUTS_3D if getattr(self.files, name) is not None]
            live = ["show3d"] * self.web.show3d + ["vmc"] * (self.web.vmc is not None)
            live += ["draw3d"] * (self.pictures.draw3d == "only")
            for name in live + options:
                raise SettingsError(f"--{name} needs calibrated cameras; add --rig FILE.toml.")
        if self.files.audio and self.sources.loop:
            raise SettingsError("--audio does not work with --loop; sound is copied only once.")
        if self.files.record and any(one.startswith(NODE_SCHEME) for one in self.sources.source):
            raise SettingsError(
                "--record needs pictures, and stream:// cameras send keypoints only; record on the "
                "computer that has the camera."
            )
        if self.pictures.mosaic and len(self.sources.source) < 2:
            raise SettingsError("--mosaic needs several sources; give one --source per camera.")
        if self.web.publish is not None:
            self._check_publish(self.web.publish)
        if self.files.mot is not None and not self.tracks.track:
            raise SettingsError("--mot needs ids; leave out --no-track.")
        self._check_sports()
        maps = self.files.heatmaps is not None or self.files.part_candidates
        if self.tracks.detect_every == "auto" and self.models.refine == "off":
            raise SettingsError(NOBODY_FOLLOWS)
        if maps and self.tracks.detect_every not in (None, 1):
            raise SettingsError(
                "--heatmaps and --part-candidates need the network on every frame; leave out "
                "--detect-every."
            )

    @property
    def movements(self) -> bool:
        """Whether an output wants to know what people do."""
        return self.sports.events or self.files.report is not None

    def _check_sports(self) -> None:
        """SettingsError where movements cannot be told, or nobody wants to know them."""
        if self.movements and not self.tracks.track:
            option = "--events" if self.sports.events else "--report"
            raise SettingsError(f"{option} needs ids; leave out --no-track.")
        if self.sports.person_height is None:
            return
        if not self.movements:
            raise SettingsError(
                "--person-height gives --events and --report a scale; add one of them."
            )
        if self.space.rig is not None:
            raise SettingsError("--rig gives metres already; leave out --person-height.")

    def _check_publish(self, publish: str) -> None:
        """SettingsError where others could not believe what is published, or would not use it."""
        address = parse_address(publish, "--publish")
        file = self.sources.key_file  # is read when it is needed
        if not address.loopback and file is None and read_key(None) is None:
            raise SettingsError(
                f"--publish {address} lets other computers connect, so nodes need a key: make one "
                "with openssl rand -base64 24 > key.txt, and give --key-file key.txt on each."
            )
        live = all("://" in one or one.startswith("webcam") for one in self.sources.source)
        if not live and not self.sources.realtime:
            raise SettingsError(
                "--publish is for cameras; add --realtime to play files as if they were some."
            )
