"""A key that nodes share: who has it may ask and is believed."""

from __future__ import annotations

import hmac
import os
from collections.abc import Mapping
from pathlib import Path

from realtime.types.errors import SettingsError

ENVIRONMENT = "POSESTREAM_KEY"
MIN_KEY_BYTES = 16
MAX_KEY_BYTES = 4096
TAG_BYTES = 16  # of HMAC-SHA256's 32: RFC 2104, section 5, advises no fewer than half
PROTOCOL = 2  # of all messages; another number is another program's


class Refused(ValueError):
    """A message is not signed with the key, or signed where there is no key."""


class OtherProtocol(ValueError):
    """A message of a version whose messages are others."""


def read_key(path: Path | None, environment: Mapping[str, str] = os.environ) -> bytes | None:
    """The key in a file, or in the environment; SettingsError where it is none.

    White space around it does not count, as editors end files with a newline.
    """
    if path is None:
        key, what = environment.get(ENVIRONMENT, "").encode().strip(), ENVIRONMENT
        if not key:
            return None
    else:
        what = f"--key-file {path}"
        try:
            with path.open("rb") as file:
                key = file.read(MAX_KEY_BYTES + 1).strip()
        except OSError as error:
            raise SettingsError(f"{what} cannot be read: {error.strerror}.") from error
    if not MIN_KEY_BYTES <= len(key) <= MAX_KEY_BYTES:
        raise SettingsError(
            f"{what}: a key has from {MIN_KEY_BYTES} to {MAX_KEY_BYTES} characters; make one with: "
            "openssl rand -base64 24"
        )
    return key


class Envelope:
    """Messages with the version before them and, where there is a key, a signature behind.

    The signature covers the topic, so that a message cannot be passed off as another one's. It does
    not hide what is in the message.
    """

    def __init__(self, key: bytes | None) -> None:
        self._key = key

    def seal(self, topic: str, body: bytes) -> bytes:
        """The message to send."""
        message = bytes((PROTOCOL, self._key is not None)) + body
        return message if self._key is None else message + self._tag(topic, message)

    def open(self, topic: str, message: bytes) -> bytes:
        """What is in a message that came; Refused or OtherProtocol."""
        if message[:1] != bytes((PROTOCOL,)):
            raise OtherProtocol
        if message[1:2] != bytes((self._key is not None,)):
            raise Refused
        if self._key is None:
            return message[2:]
        inner, tag = message[:-TAG_BYTES], message[-TAG_BYTES:]
        if len(inner) < 2 or not hmac.compare_digest(tag, self._tag(topic, inner)):
            raise Refused
        return inner[2:]

    def _tag(self, topic: str, message: bytes) -> bytes:
        assert self._key is not None
        name = topic.encode()
        signed = len(name).to_bytes(2, "big") + name + message
        return hmac.digest(self._key, signed, "sha256")[:TAG_BYTES]
