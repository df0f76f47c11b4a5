"""An Estimator that looks only at pictures that it has not seen before."""

from __future__ import annotations

import io
import pickle
from collections import deque
from collections.abc import Callable, Sequence

from engines.answers.store import Answers, question
from engines.decoders.decoder import Decoder
from engines.estimator import Estimator
from engines.types.arrays import Image
from engines.types.evidence import Evidence
from engines.types.skeleton import Skeleton

OWN = "skeleton"  # stands for the decoder's in what is kept: it is larger than the rest


class AnsweredEstimator:
    """An Estimator around another one, with that one's decoder.

    open_estimator: opens the other, which may have nothing to do. name: what tells its questions
    from those of others.
    """

    def __init__(
        self,
        open_estimator: Callable[[], Estimator],
        decoder: Decoder,
        name: str,
        answers: Answers,
    ) -> None:
        self._estimator = open_estimator()
        self.depth = self._estimator.depth
        self.decoder = decoder
        self._name = name
        self._answers = answers
        self._flying: deque[tuple[bytes, bytes | None]] = deque()
        self._first: tuple[tuple[int, ...], ...] | None = None

    def submit(self, images: Sequence[Image]) -> None:
        """Start on a set of pictures, where there is no answer yet."""
        # The first set is always asked: networks fit pictures of other sizes to its size.
        first = self._first is None
        self._first = self._first or tuple(image.shape for image in images)
        asked = question(self._name, images, self._first)
        known = None if first else self._answers.find(asked)
        if known is None:
            self._estimator.submit(images)
        self._flying.append((asked, known))

    def result(self) -> list[Evidence]:
        """The evidence of the oldest set."""
        asked, known = self._flying.popleft()
        skeleton = self.decoder.skeleton
        if known is not None:
            evidence: list[Evidence] = _Unpickler(known, skeleton).load()
            return evidence
        found = self._estimator.result()
        self._answers.add(asked, _pickled(found, skeleton))
        return found

    def close(self) -> None:
        """Let the device go."""
        self._estimator.close()


class _Pickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO, skeleton: Skeleton) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self._skeleton = skeleton

    def persistent_id(self, obj: object) -> str | None:
        return OWN if isinstance(obj, Skeleton) and obj == self._skeleton else None


class _Unpickler(pickle.Unpickler):
    def __init__(self, data: bytes, skeleton: Skeleton) -> None:
        super().__init__(io.BytesIO(data))
        self._skeleton = skeleton

    def persistent_load(self, pid: object) -> Skeleton:
        assert pid == OWN
        return self._skeleton


def _pickled(evidence: list[Evidence], skeleton: Skeleton) -> bytes:
    file = io.BytesIO()
    _Pickler(file, skeleton).dump(evidence)
    return file.getvalue()
