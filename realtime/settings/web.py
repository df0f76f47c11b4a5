"""What goes over the network."""

from __future__ import annotations

from dataclasses import dataclass, field

from realtime.runtime.display import has_terminal
from realtime.web.address import check_access


@dataclass(frozen=True, slots=True)
class WebSettings:
    """Results over the network, live."""

    serve: str | None = None
    """Show everything live to browsers and programs, at [HOST:]PORT (this computer only)."""
    serve_token: str | None = None
    """What others must know to be let in by --serve; needed unless HOST is this computer."""
    show3d: bool = False
    """Show the people in space live in a browser: /space of --serve (at 8080 without it)."""
    stay: bool = field(default_factory=has_terminal)
    """When files have ended keep the page of --show3d, which plays them again, until Ctrl-C. The
    default is whether there is a terminal."""
    udp: str | None = None
    """Send each frame's line of JSON as a datagram to HOST:PORT."""

    def __post_init__(self) -> None:
        if self.show3d and self.serve is None:
            object.__setattr__(self, "serve", "8080")
        check_access(self.serve, self.serve_token)
