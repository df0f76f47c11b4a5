"""Compiled networks that outlive the run that they were made for, where one run follows another."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import AbstractContextManager, contextmanager
from threading import RLock
from typing import Any

MAX_NETWORKS = 8  # of different files, shapes or arithmetic; the one that served longest ago goes


class _Shelf:
    """What is kept while somebody wants that."""

    def __init__(self) -> None:
        self._lock = RLock()  # networks are compiled on the threads that run them
        self._networks: OrderedDict[Hashable, Any] = OrderedDict()
        self._wanted = 0

    @contextmanager
    def keeping(self) -> Iterator[None]:
        with self._lock:
            self._wanted += 1
        try:
            yield
        finally:
            with self._lock:
                self._wanted -= 1
                if not self._wanted:
                    self._networks.clear()

    def taken(self, key: Hashable, make: Callable[[], Any]) -> Any:
        with self._lock:
            if not self._wanted:
                return make()
            if key not in self._networks:
                self._networks[key] = make()
            self._networks.move_to_end(key)
            while len(self._networks) > MAX_NETWORKS:
                self._networks.popitem(last=False)
            return self._networks[key]


_SHELF = _Shelf()


def keep_networks() -> AbstractContextManager[None]:
    """A context in which a network is compiled once, however many runs use it."""
    return _SHELF.keeping()


def compiled(key: Hashable, make: Callable[[], Any]) -> Any:
    """The network of this key: made now, or kept from before."""
    return _SHELF.taken(key, make)
