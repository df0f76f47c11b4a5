"""How many pictures a file of photos holds, and how deep they are."""

from __future__ import annotations

from struct import error, unpack_from

from realtime.sources.stills.tiff_tags import BITS, pages

PNG = b"\x89PNG\r\n\x1a\n"
WEBP_ANIMATED = 2  # of VP8X's flags
TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def pictures_in(data: bytes) -> int:
    """Of an animated PNG or WebP, or a TIFF of several pages; 1 for all others."""
    try:
        if data.startswith(PNG):
            return _of_png(data)
        if data.startswith(b"RIFF") and data[8:16] == b"WEBPVP8X" and data[20] & WEBP_ANIMATED:
            return _of_webp(data)
    except (error, IndexError):  # it is damaged, which its decoder will say
        return 1
    return max(1, len(pages(data))) if data.startswith(TIFF) else 1


def bits_of(data: bytes) -> int:
    """Of a channel of a PNG or a TIFF; 0 where nothing is known."""
    if data.startswith(PNG):
        return data[24] if len(data) > 24 else 0
    return next((page.get(BITS, 1) for page in pages(data)), 0) if data.startswith(TIFF) else 0


def _of_png(data: bytes) -> int:
    """acTL stands before the pixels (APNG specification 1.0)."""
    at = len(PNG)
    while at + 8 <= len(data):
        size, kind = unpack_from(">I4s", data, at)
        if kind == b"acTL":
            count: int = unpack_from(">I", data, at + 8)[0]
            return max(1, count)
        if kind == b"IDAT":
            break
        at += 12 + size
    return 1


def _of_webp(data: bytes) -> int:
    count, at = 0, 12
    while at + 8 <= len(data):
        kind, size = unpack_from("<4sI", data, at)
        count += kind == b"ANMF"
        at += 8 + size + size % 2
    return max(1, count)
