"""What goes over the network."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass, field
from pathlib import Path

from realtime.runtime.display import has_terminal
from realtime.types.errors import SettingsError
from realtime.web.address import check_access, parse_address

NODE_NAME = r"[\w.-]{1,64}"

MAX_AVATARS = 16


@dataclass(frozen=True, slots=True)
class WebSettings:
    """Live results over the network."""

    serve: str | None = field(default=None, metadata={"metavar": "[HOST:]PORT"})
    """Serve live pictures and poses to browsers and programs at this address; HOST is this computer
    by default."""
    serve_token: str | None = None
    """Password for --serve; required if other computers can connect."""
    required: tuple[str, ...] = ()
    """Name of a camera without which /healthz of --serve says 503; several --required name several.
    By default all cameras are required."""
    show3d: bool = False
    """Show the 3D people live in a browser: page /space of --serve, which is 8080 if not given."""
    studio: bool = False
    """Show the studio in a browser, where takes are recorded, played and exported: page /studio of
    --serve, which is 8080 if not given; it stays when files have ended."""
    takes: Path = Path("takes")
    """Folder of the takes that are recorded in the studio."""
    stay: bool = field(default_factory=has_terminal)
    """Keep the page of --show3d after files have ended, to replay them, until Ctrl-C. On by default
    in a terminal."""
    udp: str | None = field(default=None, metadata={"metavar": "HOST:PORT"})
    """Send one line of JSON for each frame to this address, as a UDP datagram."""
    vmc: str | None = field(default=None, metadata={"metavar": "HOST:PORT"})
    """Move an avatar by a 3D person, live: send their bones to this address (Virtual Motion
    Capture, over OSC), for example 127.0.0.1:39539; needs the package python-osc."""
    vmc_people: int = 1
    """How many people --vmc sends, each to a port of its own: PORT, PORT + 1, ..."""
    publish: str | None = field(default=None, metadata={"metavar": "[HOST:]PORT"})
    """Publish the people of every camera at this address, as a node whose cameras are sources
    (stream://NODE/CAMERA) of another computer; that takes --key-file on both."""
    node: str | None = None
    """Name of this node for --publish; by default that of this computer."""

    def __post_init__(self) -> None:
        if (self.show3d or self.studio) and self.serve is None:
            object.__setattr__(self, "serve", "8080")
        if self.required and self.serve is None:
            raise SettingsError("--required is about /healthz of --serve; add --serve PORT.")
        if not 1 <= self.vmc_people <= MAX_AVATARS:
            raise SettingsError(
                f"--vmc-people must be from 1 to {MAX_AVATARS}, not {self.vmc_people}."
            )
        check_access(self.serve, self.serve_token)
        if self.publish is not None:
            parse_address(self.publish, "--publish")
        elif self.node is not None:
            raise SettingsError("--node is the name of a node that publishes; add --publish PORT.")
        if self.node is not None and not re.fullmatch(NODE_NAME, self.node, re.ASCII):
            raise SettingsError(
                f"--node {self.node!r}: a name has letters, digits, dots, - and _ alone."
            )

    @property
    def node_name(self) -> str:
        """--node, or what this computer is called."""
        return self.node or re.sub(r"[^\w.-]", "-", socket.gethostname(), flags=re.ASCII) or "node"
