"""The kernels that tests of the device path run, as C++ and in torch."""

from __future__ import annotations

import pytest

from tests.engines.host import HostLane, OpenLane, SeenTorchLane, compile_kernels


@pytest.fixture(scope="module", params=["cuda", "torch"])
def open_lane(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> OpenLane:
    """Opens a lane of the kernels in C++, or of those in torch."""
    if request.param == "torch":
        torch = pytest.importorskip("torch", reason="PyTorch is not installed")
        return lambda: SeenTorchLane(torch)
    library = compile_kernels(tmp_path_factory.mktemp("kernels"))
    return lambda: HostLane(library)
