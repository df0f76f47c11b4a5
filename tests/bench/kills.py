"""What SIGKILL at any moment leaves of all outputs: python -m tests.bench.kills [RUNS] [FIRST]"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections import Counter, defaultdict
from pathlib import Path

from tests.kills import kills

RUNS = 200


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    behind: defaultdict[str, int] = defaultdict(int)
    read: Counter[str] = Counter()
    frames, wrong = [], 0
    with tempfile.TemporaryDirectory() as folder:
        for one in kills(Path(folder), range(first, first + runs)):
            frames.append(one.frames)
            for what, count in one.behind.items():
                behind[what] = max(behind[what], count)
                read[what] += 1
            for sentence in one.wrong:
                wrong += 1
                print(f"seed {one.seed}, {one.frames} frames: {sentence}", flush=True)
            shutil.rmtree(Path(folder) / f"out{one.seed}")
            if (one.seed - first) % 20 == 19:
                print(f"{one.seed - first + 1} runs, {wrong} things wrong", flush=True)
    started = sum(count > 0 for count in frames)
    print(f"{runs} runs killed, {started} after their first frame (at most {max(frames)} frames)")
    print("| output | read back | frames behind the lines of JSON, at most |\n|---|---|---|")
    for what in sorted(behind):
        print(f"| {what} | {read[what]} | {behind[what]} |")
    print(f"wrong: {wrong}")


if __name__ == "__main__":
    main()
