"""Ten thousand broken inputs, and what became of them.

    python -m tests.fuzz [--inputs N] [--seed S] [--only KIND] [--case N]

Exit code 1 where the program did what it should not: raise anything but its own errors, say what
is no sentence, print, hang, crash or grow. --case runs one case of --only again.
"""

from __future__ import annotations

import argparse
import importlib
import math
import sys

from tests.fuzz.kinds import KINDS
from tests.fuzz.watch import Tally, hunt

WHOLE = 10_000


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=WHOLE, help="how many (%(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=KINDS, nargs="+", default=KINDS)
    parser.add_argument("--case", type=int, help="run this one again, and tell all of it")
    parser.add_argument("--processes", type=int, default=2)
    wanted = parser.parse_args()
    shares = {kind: importlib.import_module(module(kind)).Kind.share for kind in wanted.only}
    jobs = []
    for kind, share in shares.items():
        count = max(1, math.ceil(wanted.inputs * share / sum(shares.values())))
        numbers = range(count) if wanted.case is None else [wanted.case]
        jobs.append((module(kind), numbers))
    tallies = hunt(jobs, wanted.seed, wanted.processes)
    report([tallies[module(kind)] for kind in wanted.only])
    found = [(tally.kind, *one) for tally in tallies.values() for one in tally.findings]
    for kind, case, what, details in found:
        print(f"\n--seed {wanted.seed} --only {kind} --case {case}: {what}")
        if wanted.case is not None:
            print(details)
    return 1 if found else 0


def module(kind: str) -> str:
    return f"tests.fuzz.kinds.{kind}"


def report(tallies: list[Tally]) -> None:
    row = "{:<12}{:>8}{:>10}{:>9}{:>10}{:>10}{:>16}{:>10}"
    heads = ("kind", "cases", "accepted", "refused", "findings", "cases/s", "slowest", "memory")
    print(row.format(*heads))
    for one in tallies:
        pace, slowest = f"{one.cases / one.seconds:.0f}", "{:.2f} s ({})".format(*one.slowest)
        counts = (one.cases, one.accepted, one.refused, len(one.findings))
        print(row.format(one.kind, *counts, pace, slowest, one.growth))
    sums = [sum(getattr(one, what) for one in tallies) for what in ("cases", "accepted", "refused")]
    print(row.format("all", *sums, sum(len(one.findings) for one in tallies), "", "", ""))


if __name__ == "__main__":
    sys.exit(main())
