"""Whether every network of one person learns two crops by heart, by the decoder that a run has.

    python -m tests.bench.by_heart_networks [NAME ...] [--steps 30]

Crops of noise whose keypoints lie anywhere; a line a network: what share of its keypoints lie
within a cell of where they should, and the seconds of processor time. CI does this for one of them.
"""

from __future__ import annotations

import argparse
import time

from engines.networks import CROP_NETWORKS
from tests.engines.networks.test_single_person import learnt_by_heart

STEPS = {"deeppose-r50": 100, "simcc-r50": 80, "mspn-4": 60, "cpm": 240}  # others learn maps, in 30


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("names", nargs="*", default=list(CROP_NETWORKS))
    ask.add_argument("--steps", type=int)
    given = ask.parse_args()
    for name in given.names:
        began = time.process_time()
        share = learnt_by_heart(name, given.steps or STEPS.get(name, 30))
        print(f"{name}: {share:.3f}, {time.process_time() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
