"""The package openvino; imports nothing else, so that it can be asked for anywhere."""

from __future__ import annotations

from typing import Any

from engines.types.errors import DeviceError


def load_openvino() -> Any:
    """The package openvino, loaded when it is needed; DeviceError where it is not installed."""
    try:
        import openvino
        import openvino.passes
    except ImportError as error:
        raise DeviceError(
            f"OpenVINO cannot be imported ({error}); run pip install -r requirements.txt."
        ) from error
    return openvino
