"""A GPU that fails, when it is opened or in the middle of a run, leaves the job to the CPU."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

from engines.decoders.decoder import Decoder
from engines.estimator import Estimator
from engines.types.arrays import Image
from engines.types.errors import DeviceError, WeightsError
from engines.types.evidence import Evidence

LOG = logging.getLogger(__name__)


class Spared:
    """An Estimator that goes on with a spare one where its device fails; one sentence says so.

    Sets in flight are given to the spare, so that none is lost. The spare's own errors are raised.
    """

    def __init__(self, first: Callable[[], Estimator], spare: Callable[[], Estimator]) -> None:
        self._spare: Callable[[], Estimator] | None = spare
        self._flying: deque[Sequence[Image]] = deque()
        try:
            self._now = first()
        except (DeviceError, WeightsError) as error:
            self._now = self._other(error)

    @property
    def decoder(self) -> Decoder:
        """What reads the evidence of both: they are the same model."""
        return self._now.decoder

    @property
    def depth(self) -> int:
        return self._now.depth

    def submit(self, images: Sequence[Image]) -> None:
        """Start on a set of (H, W, 3) BGR pictures, of any sizes."""
        try:
            self._now.submit(images)
            self._flying.append(images)
        except DeviceError as error:
            self._flying.append(images)
            self._go_on(error)

    def result(self) -> list[Evidence]:
        """The evidence of the oldest set in flight, in picture pixels."""
        try:
            found = self._now.result()
        except DeviceError as error:
            self._go_on(error)
            found = self._now.result()
        self._flying.popleft()
        return found

    def close(self) -> None:
        """Wait for what is in flight and let the device go."""
        self._now.close()

    def _go_on(self, error: DeviceError) -> None:
        failed = self._now
        self._now = self._other(error)
        with suppress(DeviceError):  # it says once more what it said
            failed.close()
        for images in self._flying:
            self._now.submit(images)

    def _other(self, error: DeviceError | WeightsError) -> Estimator:
        if self._spare is None:
            raise error
        LOG.warning("%s The CPU is used.", error)
        spare, self._spare = self._spare, None
        return spare()
