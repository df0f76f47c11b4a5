"""What the user of this computer sees."""

from __future__ import annotations

from dataclasses import dataclass, field

from realtime.runtime.display import has_display


@dataclass(frozen=True, slots=True)
class WindowSettings:
    """The window and the terminal."""

    show: bool = field(default_factory=has_display)
    """Show the poses in a window; q or Esc quits. On by default if there is a display."""
    fullscreen: bool = False
    """Open the window as large as the screen; f changes it, Esc leaves it."""
    quiet: bool = field(default=False, metadata={"short": "q"})
    """Print errors only: no status line, notices or summary."""


UNSEEN = WindowSettings(show=False, quiet=True)  # of runs that serve another program
