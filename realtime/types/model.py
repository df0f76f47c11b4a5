"""What found the people of a run."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from engines.types.skeleton import Skeleton


class Model(Protocol):
    """A model's card, `WithParts` or `Keypoints`."""

    @property
    def name(self) -> str: ...
    @property
    def skeleton(self) -> Skeleton: ...


class Keypoints(NamedTuple):
    """People that somebody else found."""

    name: str
    skeleton: Skeleton


class WithParts(NamedTuple):
    """A model's people with hands, faces or feet of other networks."""

    name: str
    skeleton: Skeleton
