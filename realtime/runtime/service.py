"""What systemd is told of a service: sd_notify(3), datagrams to the socket that it names."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import suppress

FEEDS_PER_LIMIT = 4  # systemd advises two or more within its WatchdogSec


class ServiceManager:
    """Tells the manager that started this program, if one did.

    environment: where it says so. interval: seconds between two signs of life that it wants, None =
    it does not watch.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        # An @ stands for the NUL of Linux's names without a file.
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self.interval = _interval(environment)

    @property
    def there(self) -> bool:
        """Whether somebody listens."""
        return bool(self._address) and hasattr(socket, "AF_UNIX")

    def tell(self, *state: str) -> None:
        """Lines such as READY=1; a manager that is gone is no reason to end."""
        if self.there:
            with (
                suppress(OSError),
                socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out,
            ):
                out.sendto("\n".join(state).encode(), self._address)


def _interval(environment: Mapping[str, str]) -> float | None:
    """WATCHDOG_USEC, unless it is another process's."""
    try:
        limit = int(environment.get("WATCHDOG_USEC", "0")) / 1e6
        owner = int(environment.get("WATCHDOG_PID", os.getpid()))
    except ValueError:
        return None
    return limit / FEEDS_PER_LIMIT if limit > 0 and owner == os.getpid() else None
