"""How far what views say is to be relied on: how much they miss by as a rule, from how far they
are off, and which of them see something else for a while.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engines.types.arrays import Doubles, Mask
from realtime.multiview.track_table_3d import USUAL_TRUST, Bodies

# Seconds in which a view's past is forgotten: about what a limb takes to pass behind another.
MEMORY_S = 0.5
# Standard deviations about a keypoint within which sightings that are wrong lie evenly: those of
# the other side's, of somebody beside, of something held.
WRONG_SIGMAS = 10.0

MAX_RATIO = 4.0  # bounds what a single odd one adds
PRIOR_COUNT = 30  # residuals of a keypoint that those of all keypoints together are worth
# Residuals of all keypoints that the assumed covariances are worth: a person's first frame has
# twenty, whose mean is within a fifth of what it tends to.
ASSUMED_COUNT = 5
# Of what sightings are taken to be off by: what residuals between views show and as much again
# that views have in common, which no residual shows; and never less than so much of what is
# assumed, as only views that agree have residuals.
COMMON_VARIANCE, MIN_VARIANCE = 2.0, 0.5
MAX_SKIN_SIGMA = 0.05  # of OKS, of what lies on the skin: eyes 0.025, ears 0.035, but wrists 0.062
AVERAGED = 1500  # residuals after which older ones fade: 15 s of four people at 25 fps


class VarianceRatio:
    """By what the covariances of K keypoints are to be multiplied to be true, (..., K).

    How far a network misses differs by network, picture and keypoint; what is assumed
    beforehand is what people differ by who label pictures. The mean of normalised residuals
    tells: of innovations over time (Mehra 1972, innovation-based adaptive estimation), or of views
    against each other (the variance of unit weight of adjustments).
    """

    def __init__(self, *shape: int) -> None:
        self.ratio: Doubles = np.ones(shape)
        self._sum, self._count = np.zeros((2, *shape))

    def add(self, squared: Doubles) -> None:
        """(..., P, K) squared residuals, of what is usual if covariances are right; NaN = none."""
        known = np.isfinite(squared)
        self._count += np.add.reduce(known, -2)
        self._sum += np.add.reduce(np.minimum(np.where(known, squared, 0.0), MAX_RATIO), -2)
        fade = np.minimum(1.0, AVERAGED / np.maximum(self._count, 1.0))
        self._count, self._sum = self._count * fade, self._sum * fade
        # Where little is known of a keypoint, it is as the others.
        total, count = self._sum.sum(-1, keepdims=True), self._count.sum(-1, keepdims=True)
        others = (total + ASSUMED_COUNT) / (count + ASSUMED_COUNT)
        self.ratio = (self._sum + PRIOR_COUNT * others) / (self._count + PRIOR_COUNT)


class FilterVarianceRatio:
    """By what the covariances of a filter's K keypoints are to be multiplied to be true.

    With a gain k, the share of the way that the filter goes from what it expects to what it
    measures, its error has the variance (1-k)^2 A + k^2 rho R, where A is that of what it expected
    and rho R that of what it measured. Innovations are alpha times as large as assumed,
    A + rho R = alpha R / (1-k); what is assumed after a step is k R. Thus the ratio is
    rho + (alpha - rho) (1-k) / k: rho shows between views, alpha over time. ratio: (K,), never less
    than what shows between views, which do not show what they miss by together, and never more than
    the greater of both.

    share: (K,) of their assumed standard deviations that sightings are taken to be off by, R among
    it. What is assumed is what annotators of pictures differ by, `sigmas` (K,) of OKS. Much of that
    is where in the body a joint lies, and a network that learnt from all of them has one opinion of
    it in all views. Of what is on the skin, on heads, annotators have one opinion, too: there all
    of it stays.
    """

    def __init__(self, sigmas: Sequence[float]) -> None:
        # Of residuals with what is assumed, of those with the share of then, and of innovations.
        self._all = VarianceRatio(3, len(sigmas))
        self._gains, self._count = np.zeros((2, len(sigmas)))
        self._joints: Mask = np.array(sigmas) > MAX_SKIN_SIGMA
        self.ratio: Doubles = np.ones(len(sigmas))
        self.share: Doubles = np.ones(len(sigmas))

    def add(self, innovations: Doubles, gains: Doubles, residuals: Doubles) -> None:
        """(P, K) squared innovations and residuals, of what is usual where covariances are right
        with this share, NaN = none; and the gains of these innovations.
        """
        known = np.isfinite(innovations)
        self._all.add(np.stack([residuals * self.share**2, residuals, innovations]))
        self._count += known.sum(0)
        self._gains += np.where(known, gains, 0.0).sum(0)
        fade = np.minimum(1.0, AVERAGED / np.maximum(self._count, 1.0))
        self._count, self._gains = self._count * fade, self._gains * fade
        gain = (self._gains + ASSUMED_COUNT / 2) / (self._count + ASSUMED_COUNT)
        lag = np.minimum((1 - gain) / gain, 1.0)
        assumed, between, over = self._all.ratio
        self.ratio = between + lag * np.maximum(over - between, 0.0)
        variance = np.minimum(np.maximum(COMMON_VARIANCE * assumed, MIN_VARIANCE), 1.0)
        self.share = np.where(self._joints, np.sqrt(variance), 1.0)


def trust_later(trust: Doubles, seconds: float) -> Doubles:
    """The same so much later, nearer to the usual."""
    later: Doubles = USUAL_TRUST + (trust - USUAL_TRUST) * np.exp(-seconds / MEMORY_S)
    return later


def trust_learnt(trust: Doubles, squared: Doubles) -> Doubles:
    """Probabilities that views see keypoints rather than something else, by how far sightings are
    from where keypoints are, in squared standard deviations; NaN = nothing seen.

    A hidden Markov model of two states, whose forward step this is (Rabiner 1989): sightings that
    are right miss as a Gaussian, wrong ones lie anywhere.
    """
    right = np.exp(-0.5 * squared) / (2 * np.pi)
    wrong = 1 / (np.pi * WRONG_SIGMAS**2)
    likely = trust * right / (trust * right + (1 - trust) * wrong)
    return np.where(np.isfinite(squared), likely, trust)


def trusted(bodies: Bodies, trust: Doubles) -> Bodies:
    """Bodies whose sightings count less in views that were wrong of late. trust: (P, V, K)."""
    share = np.minimum(trust / USUAL_TRUST, 1.0)
    return Bodies(bodies.undistorted, bodies.score * share.swapaxes(0, 1))


def trust_judged(
    trust: Doubles, bodies: Bodies, there: Doubles, deviations: Doubles, used: Mask
) -> Doubles:
    """The trust (P, V, K) after a frame, by where keypoints are thought to be since.

    there: (2, V, P, K) undistorted. deviations, used: (V, P, K) of sightings, and which of them
    keypoints rest on. A view is judged where two others agree, and never by itself.
    """
    off = bodies.undistorted - there
    off /= deviations
    off *= off
    squared = (off[0] + off[1]) * bodies.score
    squared = np.where(np.add.reduce(used, 0) - used >= 2, squared, np.nan)
    return trust_learnt(trust, squared.swapaxes(0, 1))
