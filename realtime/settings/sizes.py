"""Sizes of pictures as users write them."""

from __future__ import annotations

import re

from realtime.types.errors import SettingsError


def parse_size(option: str, text: str) -> tuple[int, int]:
    """WIDTHxHEIGHT as (width, height) pixels; SettingsError names the option where it is none."""
    if not re.fullmatch(r"[1-9][0-9]{0,3}x[1-9][0-9]{0,3}", text):
        raise SettingsError(f"{option} {text!r} is not WIDTHxHEIGHT, for example 1280x720.")
    width, height = text.split("x")
    return int(width), int(height)
