"""Passwords and keys of camera addresses, taken out of whatever is printed."""

from __future__ import annotations

import re

# A user and a password stand before an @. What could belong to them goes, whatever signs the
# password has: all from // to the last @, or a word with a colon up to its last @.
_LOGIN = re.compile(r"(?<=//).*@")
_LOGIN_ALONE = re.compile(r"(?<!\S)([a-z]+:/)?[^\s/@:]*:(?!\\)\S*@", re.IGNORECASE)
_QUERY = re.compile(r"(?<=[\w\]/])[?#]\S*")


def redacted(text: str) -> str:
    """The text without users, passwords and queries of addresses.

    Also of addresses whose scheme is mistyped or missing, and of those with / ? # or spaces in the
    password: nothing between // and the last @ stays, and nothing from a ? on.
    """
    known = _LOGIN_ALONE.sub(r"\1", _LOGIN.sub("", text))
    return _QUERY.sub("", known) if "//" in text or known != text else text
