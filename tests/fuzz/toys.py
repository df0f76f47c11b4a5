"""Programs that do what none should, to see that it is found."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from random import Random

from engines.types.errors import CardError

HELD: list[object] = []


class Kind:
    """Does what the words of the environment's TOYS say, one a case."""

    share = 0
    limit = 1.0
    speaks = "fine.*"

    def __init__(self, folder: Path) -> None:
        self._cases = iter(range(1000))
        self._plan = os.environ["TOYS"].split()

    def case(self, rng: Random) -> bool:
        match self._plan[next(self._cases) % len(self._plan)]:
            case "hang":
                time.sleep(60)
            case "crash":
                os.abort()
            case "raise":
                raise ZeroDivisionError("by nought")
            case "print":
                sys.stderr.write("lib: warning\n")
            case "speak":
                sys.stderr.write("fine by me\n")
            case "memory":
                HELD.append(rng.randbytes(10 << 20))
            case "file":
                HELD.append(os.open(os.devnull, os.O_RDONLY))
            case "exit":
                sys.exit(0)
            case "refuse":
                raise CardError("a sentence.")
            case "gabble":
                raise CardError("")
        return True

    def close(self) -> None:
        pass
