"""How two systems are compared on the same images, each in one training or in several that differ by their seed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from semrobust.tables.statistics import Bootstrap, Values, interval

OVER_IMAGES = "paired bootstrap over images, 95%"
OVER_TRAININGS = "over images (paired bootstrap) and trainings (Student's t), 95%"


@dataclass(frozen=True)
class Answers:
    """Which images a system names right, `right` (trainings, images) bool; with several, images are the same ones.

    Who is less accurate than `guess` can guess instead, and counts as this. `resamples` of the images are shared by all
    that is compared: that is what pairs it.
    """

    right: npt.NDArray[np.bool_]
    guess: float
    resamples: Bootstrap

    @cached_property
    def accuracies(self) -> Values:
        """Of each training (trainings,)."""
        return np.asarray(self.right.mean(axis=1))

    @cached_property
    def resampled(self) -> Values:
        """Those of each resample (trainings, samples)."""
        return self.resamples.shares(self.right)

    @property
    def better_than_guessing(self) -> bool:
        """Whether the mean over trainings is, by its interval over images."""
        return interval(self.resampled.mean(axis=0))[0] > self.guess

    def counted(self, accuracies: Values) -> Values:
        """Accuracies as they count, guessing in the place of what is worse."""
        return np.maximum(accuracies, self.guess)


def difference(one: Answers, other: Answers) -> tuple[float, float, float]:
    """Accuracy of one system less that of another, means over trainings, with its 95% interval.

    Of one training each it is the percentile bootstrap over images, for these two networks. Of several the variance of
    that bootstrap and that of the means over trainings add up, and the quantile is Student's with the degrees of
    freedom of Welch and Satterthwaite: three trainings say little of how trainings differ, so the interval is wide.
    """
    sides = [side.counted(side.accuracies) for side in (one, other)]
    value = float(sides[0].mean() - sides[1].mean())
    draws = one.counted(one.resampled).mean(axis=0) - other.counted(other.resampled).mean(axis=0)
    several = [side for side in sides if len(side) > 1]
    if not several:
        return value, *interval(draws)
    from scipy.stats import t  # takes longer to import than the rest of the job, and a plan imports all tables

    spreads = [float(side.var(ddof=1)) / len(side) for side in several]
    variance = float(draws.var()) + sum(spreads)
    uncertain = sum(spread**2 / (len(side) - 1) for spread, side in zip(spreads, several, strict=True))
    half = float(t.ppf(0.975, variance**2 / uncertain if uncertain else math.inf)) * math.sqrt(variance)
    return value, value - half, value + half


def discordant(one: Answers, other: Answers) -> tuple[int, int]:
    """How many images only the first of two single trainings names right, and how many only the second."""
    (first,), (second,) = one.right, other.right
    return int((first & ~second).sum()), int((second & ~first).sum())


def mcnemar(only: int, other_only: int) -> float:
    """p of McNemar's exact two-sided test: were both equally accurate, each discordant image would be a fair coin."""
    from scipy.stats import binomtest  # as above

    return float(binomtest(only, only + other_only).pvalue) if only + other_only else 1.0
