"""Train our own network, measure it, export it."""

from __future__ import annotations

import sys
from collections.abc import Sequence

PROG = "python -m training"
USER_ERROR = 2


def main(words: Sequence[str] | None = None, prog: str = PROG) -> int:
    """Run the command that the arguments name; the exit code says how it went."""
    try:
        from training.commands import main as run
    except ModuleNotFoundError as error:
        sys.stderr.write(
            f"training: the package {error.name} is missing; run: pip install "
            "'posestream[train]' (in a checkout: pip install -r requirements-train.txt)\n"
        )
        return USER_ERROR
    return run(words, prog)


if __name__ == "__main__":
    sys.exit(main())
