"""Days of simulated faults, a seed each: python -m tests.bench.day [SEEDS] [FIRST]"""

from __future__ import annotations

import logging
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.day.run import live_a_day

SEEDS = 20


def main() -> None:
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else SEEDS
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    logging.disable(logging.CRITICAL)
    faults: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    ended: Counter[str] = Counter()
    totals: Counter[str] = Counter()
    began = time.process_time()
    for seed in range(first, first + seeds):
        with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
            try:
                day = live_a_day(Path(folder), seed, patch)
            except AssertionError as error:
                totals["wrong"] += 1
                print(f"seed {seed}: {error!r}", flush=True)
                continue
        faults.update(day.faults)
        failed.update(day.failed)
        ended.update(day.ended)
        names = ("runs", "results", "dropped", "unrecorded", "sent", "unpaired")
        for name in (*names, "people", "clients", "stalled"):
            totals[name] += getattr(day, name)
    print(f"{seeds} days of faults in {time.process_time() - began:.0f} s of processor time")
    for name, counts in (
        *(("faults", faults), ("outputs that failed", failed)),
        *(("runs ended by", ended), ("in all", totals)),
    ):
        print(f"{name}: {', '.join(f'{what} {count}' for what, count in sorted(counts.items()))}")


if __name__ == "__main__":
    main()
