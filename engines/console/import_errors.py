"""What is missing where an import fails. Imports nothing, so that it can always speak."""

from __future__ import annotations

import re

# Shared library -> the package of Debian and Ubuntu that brings it.
PACKAGES = {
    "libGL": "libgl1",
    "libglib-2.0": "libglib2.0-0",
    "libgthread-2.0": "libglib2.0-0",
    "libxcb": "libxcb1",
    "libX11": "libx11-6",
    "libXext": "libxext6",
    "libSM": "libsm6",
    "libICE": "libice6",
    "libuuid": "libuuid1",
}
NEEDED = ("libgl1", "libglib2.0-0", "libxcb1", "libxext6", "libsm6")  # they bring the others
MISSING = re.compile(r"(?P<file>(?P<library>lib[\w.+-]+?)\.so[.\d]*): cannot open shared object")


def explain_import_error(error: ImportError) -> str | None:
    """What to install when an import fails; None when the error is about something else.

    OpenCV names one missing library at a time, so all that it needs are installed at once.
    """
    if isinstance(error, ModuleNotFoundError):
        return f"The package {error.name} is not installed; run: pip install -r requirements.txt"
    found = MISSING.search(str(error))
    if found is None:
        return None
    library = f"The system library {found['file']}, which OpenCV needs, is missing"
    package = PACKAGES.get(found["library"])
    if package is None:
        return f"{library}; find its package with: apt-file search {found['file']}"
    packages = " ".join(dict.fromkeys([*NEEDED, package]))
    return f"{library}; on Debian and Ubuntu: apt install {packages}"
