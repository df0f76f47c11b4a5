"""Where the program can be reached, and who may reach it."""

from __future__ import annotations

import errno
import ipaddress
import re
import secrets
import socket
from dataclasses import dataclass

from realtime.types.errors import OutputError, SettingsError

MIN_TOKEN_LENGTH = 8  # characters
# What the system holds for a client that does not read: more of it would only be older.
SEND_BUFFER = 256 * 1024


@dataclass(frozen=True, slots=True)
class Address:
    """A host (a name or an IP address) and a TCP port; port 0 is any free one."""

    host: str
    port: int

    @property
    def loopback(self) -> bool:
        """Whether nobody but this computer can reach it."""
        return is_loopback(self.host)

    @property
    def url(self) -> str:
        """What to type into a browser."""
        host = socket.gethostname() if self.host in ("0.0.0.0", "::") else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/"

    def __str__(self) -> str:
        return f"{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


def parse_address(text: str, option: str = "--serve") -> Address:
    """`[HOST:]PORT` of an option; SettingsError where it is something else."""
    found = re.fullmatch(r"(?:(?:\[([0-9A-Fa-f:.]+)\]|([\w.-]+)):)?([0-9]{1,5})", text, re.ASCII)
    if not found or int(found[3]) > 65535:
        raise SettingsError(
            f"{option} {text!r} is not [HOST:]PORT, for example 8080, or 0.0.0.0:8080 for others."
        )
    return Address(found[1] or found[2] or "127.0.0.1", int(found[3]))


def check_access(serve: str | None, token: str | None) -> None:
    """SettingsError unless --serve is an address, with a good token where others can reach it."""
    if serve is None:
        if token is not None:
            raise SettingsError("--serve-token does nothing without --serve [HOST:]PORT.")
        return
    address = parse_address(serve)
    if token is None and not address.loopback:
        raise SettingsError(
            f"--serve {address} lets other computers in, so it needs a token of your choice, such "
            f"as --serve-token {secrets.token_urlsafe(12)}; clients add ?token=... to the address."
        )
    if token is not None and not re.fullmatch(rf"[!-~]{{{MIN_TOKEN_LENGTH},}}", token):
        raise SettingsError(
            f"--serve-token must have at least {MIN_TOKEN_LENGTH} ASCII characters and no spaces."
        )


def is_loopback(host: str) -> bool:
    """Whether a host, by its spelling alone, is this computer."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def listen(address: Address, option: str | None = None) -> socket.socket:
    """A socket that takes connections; OutputError, of the option, says why there is none."""
    host = "127.0.0.1" if address.loopback and ":" not in address.host else address.host
    try:
        family, *_, target = socket.getaddrinfo(host, address.port, type=socket.SOCK_STREAM)[0]
        listener = socket.create_server(target[:2], family=family, backlog=128)
    except (OSError, UnicodeError) as error:
        given = option or f"--serve {address}"
        raise OutputError(f"{given}{_why(address, error)}") from error
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    return listener


def _why(address: Address, error: OSError | UnicodeError) -> str:
    if isinstance(error, socket.gaierror | UnicodeError):
        return f": there is no host {address.host}; use 0.0.0.0 for all addresses of this computer."
    if error.errno == errno.EADDRINUSE:
        return f": port {address.port} is in use; choose another one."
    if error.errno == errno.EACCES:
        return f": port {address.port} needs administrator rights; choose one above 1023."
    if error.errno == errno.EADDRNOTAVAIL:
        return f": {address.host} is not an address of this computer."
    return f" does not work: {error.strerror or error}."
