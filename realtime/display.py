"""Whether there is a screen to show a window on."""

import os
import sys


def has_display() -> bool:
    """Whether this session names a display. On Linux cv2.imshow aborts the process without one."""
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
