"""Candidates parted among people and labelled, all at once: an integer linear program (DeepCut,
Pishchulin et al., CVPR'16, section 2; DeeperCut, Insafutdinov et al., ECCV'16, section 4).

Of the candidates of a picture some are chosen, and those are parted into people, so that the sum of
all log-odds is the highest: of each chosen candidate that it is a keypoint, and of each pair of one
person that a limb joins it. Pairs that the fields deny speak against their ends being one person's.
Candidates come with their labels, as each keypoint has a map of its own; to label them is to say
which of them are none, and a person has one of each at most, as in DeeperCut.

That the ends of a chain of pairs are of one person is demanded where a solution breaks it, and
solved again (cutting planes; the multicut's cycle inequalities, Chopra and Rao, 1993): all of them
together would be half a million for 150 candidates.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from engines.types.arrays import Doubles, Floats, Indices
from engines.types.errors import EngineError
from engines.types.poses import Candidates
from engines.types.skeleton import Skeleton

Assembling = Literal["limbs", "ilp"]
MAX_CANDIDATES = 150  # of those that hang together, the surest of them
TIME_LIMIT_S = 10.0  # of those that hang together; then the best solution so far is mended
# Chosen on the 141 COCO photos, with human-pose-estimation-0001; the papers learn them.
DENIED = 0.3  # probability that a limb joins two ends between which the fields show none
LEAST, MOST = 0.02, 0.98  # of probabilities, so that none decides alone
LIMB_AT_HALF = 0.1  # field score of a pair that is as likely a limb as not
PEAK_AT_HALF = 0.05  # confidence of a candidate that is as likely a keypoint as not


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """node: (N,) gain of each candidate. kind: (N,) its keypoint. ends: (E, 2) candidates of each
    pair. pair: (E,) gain where both are of one person.
    """

    node: Doubles
    kind: Indices
    ends: Indices
    pair: Doubles


def problem_of(candidates: Candidates, skeleton: Skeleton) -> Problem:
    """The program of a picture."""
    peaks = candidates.peaks
    kind = peaks[:, 0].astype(np.intp)
    gain: dict[tuple[int, int], float] = {}
    for a, b in skeleton.limbs:
        for first in np.flatnonzero(kind == a):
            for second in np.flatnonzero(kind == b):
                gain[int(first), int(second)] = _log_odds(DENIED)
    for _, first, second, score in candidates.pairs:
        gain[int(first), int(second)] = _log_odds(_probability(score, LIMB_AT_HALF))
    ends = np.array(list(gain), np.intp).reshape(-1, 2)
    node = np.array([_log_odds(_probability(one, PEAK_AT_HALF)) for one in peaks[:, 3]])
    return Problem(node, kind, ends, np.array(list(gain.values())))


def people_of(problem: Problem) -> list[list[int]]:
    """The candidates of each person, of the solution with the highest gain.

    Groups of candidates that no pair with a gain joins are solved by themselves; of one that is too
    large the surest candidates take part.
    """
    out: list[list[int]] = []
    for group in _groups(len(problem.node), problem.ends[problem.pair > 0]):
        if len(group) > MAX_CANDIDATES:
            surest = np.argsort(-problem.node[group], kind="stable")[:MAX_CANDIDATES]
            group = np.sort(group[surest])
        inside = np.isin(problem.ends, group).all(axis=1)
        index = np.full(len(problem.node), -1)
        index[group] = np.arange(len(group))
        part = Problem(
            problem.node[group],
            problem.kind[group],
            index[problem.ends[inside]],
            problem.pair[inside],
        )
        out += [[int(group[n]) for n in person] for person in _solved(part)]
    return out


def gain_of(problem: Problem, people: Sequence[Sequence[int]]) -> float:
    """What a solution is worth."""
    person = np.full(len(problem.node), -1)
    for n, members in enumerate(people):
        person[list(members)] = n
    one, other = person[problem.ends].T
    total = problem.node[person >= 0].sum() + problem.pair[(one == other) & (one >= 0)].sum()
    return float(total)


def assemble_all_at_once(
    candidates: Candidates, skeleton: Skeleton
) -> tuple[Floats, Floats, Floats]:
    """People as `engines.decoders.assembly.assemble` gives them; who has no limb is left out."""
    problem = problem_of(candidates, skeleton)
    people = [one for one in people_of(problem) if len(one) > 1]
    xy = np.full((len(people), len(skeleton.keypoints), 2), np.nan, np.float32)
    score, limbs = np.zeros(xy.shape[:2], np.float32), np.zeros(len(people), np.float32)
    owner: dict[int, int] = {}
    for n, members in enumerate(people):
        kind = problem.kind[members]
        xy[n, kind], score[n, kind] = candidates.peaks[members, 1:3], candidates.peaks[members, 3]
        owner |= dict.fromkeys(members, n)
    for _, first, second, field in candidates.pairs:
        whose = owner.get(int(first))
        if whose is not None and whose == owner.get(int(second)):
            limbs[whose] += field
    return xy, score, limbs


def _solved(problem: Problem) -> list[list[int]]:
    """The people of one group."""
    nodes, pairs = len(problem.node), len(problem.ends)
    if not pairs:
        return [[n] for n in range(nodes) if problem.node[n] > 0]
    optimize, sparse = load_scipy()
    # One variable a candidate (chosen) and a pair (of one person); a pair needs both of its ends.
    rows = [({nodes + e: 1.0, n: -1.0}, 0.0) for e in range(pairs) for n in problem.ends[e]]
    cost = -np.concatenate([problem.node, problem.pair])
    ends_at = time.monotonic() + TIME_LIMIT_S
    while True:
        row, column, value = (
            np.array(one)
            for one in zip(
                *((n, at, by) for n, (terms, _) in enumerate(rows) for at, by in terms.items()),
                strict=True,
            )
        )
        matrix = sparse.csr_matrix((value, (row, column)), shape=(len(rows), len(cost)))
        limit = optimize.LinearConstraint(matrix, -np.inf, np.array([most for _, most in rows]))
        found = optimize.milp(
            cost,
            constraints=limit,
            integrality=np.ones(len(cost)),
            bounds=optimize.Bounds(0, 1),
            options={"time_limit": max(ends_at - time.monotonic(), 0.1), "mip_rel_gap": 0.0},
        )
        # Where there was no time for a solution, every pair with a gain is one, to be mended.
        best = found.x if found.x is not None else np.concatenate([problem.node, problem.pair]) > 0
        chosen, joined = best[:nodes] > 0.5, best[nodes:] > 0.5
        broken = _broken(problem, chosen, joined)
        if broken and time.monotonic() >= ends_at:
            return _mended(problem, chosen, joined)
        if not broken:
            groups = _groups(nodes, problem.ends[joined])
            return [[int(n) for n in group] for group in groups if chosen[group].all()]
        rows += broken


def _mended(
    problem: Problem, chosen: NDArray[np.bool_], joined: NDArray[np.bool_]
) -> list[list[int]]:
    """People of a solution that breaks inequalities: its pairs, the strongest first, where they
    bring together no two candidates of one kind.
    """
    people = {int(n): [int(n)] for n in np.flatnonzero(chosen)}
    for pair in np.argsort(-problem.pair, kind="stable"):
        one, other = (people.get(int(end)) for end in problem.ends[pair])
        if not joined[pair] or one is None or other is None or one is other:
            continue
        if {*problem.kind[one]}.isdisjoint(problem.kind[other]):
            one += other
            people |= dict.fromkeys(other, one)
    return [*{id(one): one for one in people.values()}.values()]


def _broken(
    problem: Problem, chosen: NDArray[np.bool_], joined: NDArray[np.bool_]
) -> list[tuple[dict[int, float], float]]:
    """Inequalities that a solution breaks: of chains of pairs whose ends are of one kind, or that
    have a pair which was not counted.
    """
    nodes, ways = len(problem.node), _neighbours(len(problem.node), problem.ends, joined)
    out: list[tuple[dict[int, float], float]] = []
    direct = {
        (int(a), int(b)): e for e, (a, b) in enumerate(problem.ends.tolist()) if not joined[e]
    }
    for start in np.flatnonzero(chosen):
        for end, chain in _chains(int(start), ways):
            pair = direct.get((int(start), end))
            terms = {nodes + e: 1.0 for e in chain}
            if pair is not None:  # whoever is of one person counts all pairs
                out.append((terms | {nodes + pair: -1.0}, len(chain) - 1.0))
            elif end > start and problem.kind[end] == problem.kind[start]:
                out.append((terms, len(chain) - 1.0))
    return out


def _chains(start: int, ways: list[list[tuple[int, int]]]) -> list[tuple[int, list[int]]]:
    """The shortest chain of pairs from a candidate to each that it reaches."""
    before: dict[int, tuple[int, int]] = {start: (-1, -1)}
    waiting, out = deque([start]), []
    while waiting:
        here = waiting.popleft()
        for there, pair in ways[here]:
            if there in before:
                continue
            before[there] = here, pair
            waiting.append(there)
            chain, at = list[int](), there
            while at != start:
                at, by = before[at]
                chain.append(by)
            out.append((there, chain))
    return out


def _neighbours(nodes: int, ends: Indices, which: NDArray[np.bool_]) -> list[list[tuple[int, int]]]:
    """Of each candidate those to which these pairs join it, with the pair."""
    ways: list[list[tuple[int, int]]] = [[] for _ in range(nodes)]
    for pair in np.flatnonzero(which):
        a, b = (int(one) for one in ends[pair])
        ways[a].append((b, int(pair)))
        ways[b].append((a, int(pair)))
    return ways


def _groups(nodes: int, ends: Indices) -> list[Indices]:
    """The candidates that pairs join, directly or by others."""
    ways = _neighbours(nodes, ends, np.ones(len(ends), bool))
    seen, out = np.zeros(nodes, bool), []
    for start in range(nodes):
        if not seen[start]:
            members = [start, *(end for end, _ in _chains(start, ways))]
            seen[members] = True
            out.append(np.array(sorted(members), np.intp))
    return out


def _probability(score: float, half: float) -> float:
    """Of a score from 0 to 1 that is as likely as not at `half`; straight on both sides."""
    high = 0.5 + 0.5 * (score - half) / (1 - half)
    return high if score >= half else 0.5 * score / half


def _log_odds(probability: float) -> float:
    sure = min(max(probability, LEAST), MOST)
    return float(np.log(sure / (1 - sure)))


def load_scipy() -> tuple[Any, Any]:
    """scipy's optimize and sparse; EngineError where it is not installed."""
    try:
        from scipy import optimize, sparse
    except ImportError as error:
        raise EngineError("--assemble ilp needs scipy: pip install 'posestream[ilp]'.") from error
    return optimize, sparse
