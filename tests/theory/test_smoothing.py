"""Randomized smoothing: the case that meets its bound, and what it says when it says nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from semrobust.theory.smoothing import certified_power


def test_a_half_space_meets_the_bound() -> None:
    """A receiver that survives while w_1 < a: s along the first axis breaks every second time at ||s|| = a."""
    variance, edge, draws = 0.25, 1.2, 10**6
    survives = stats.norm.cdf(edge / math.sqrt(variance))
    found = certified_power(round(survives * draws), draws, variance, 0.999)
    assert found == pytest.approx(edge**2, rel=0.02)
    assert found < edge**2


def test_it_grows_with_the_draws_and_falls_with_the_confidence() -> None:
    powers = [certified_power(draws, draws, 1.0, 0.999) for draws in (20, 100, 1000, 10000)]
    assert powers == sorted(powers)
    assert certified_power(100, 100, 1.0, 0.9) > powers[1]
    exact = 0.001 ** (1 / 1000)  # all of n survive: p^n = 1 - confidence
    assert powers[2] == pytest.approx(float(stats.norm.ppf(exact)) ** 2)


def test_the_share_of_wrong_statements_is_that_of_the_confidence() -> None:
    rng, draws, survives = np.random.default_rng(1), 50, 0.9
    truth = float(stats.norm.ppf(survives)) ** 2
    wrong = [certified_power(int(count), draws, 1.0, 0.9) > truth for count in rng.binomial(draws, survives, 400)]
    assert 0 < np.mean(wrong) < 0.15


@pytest.mark.parametrize("survived", [0, 5, 6])
def test_nothing_is_promised_where_a_coin_would_do(survived: int) -> None:
    assert certified_power(survived, 10, 1.0, 0.99) == 0.0


@pytest.mark.parametrize(("survived", "draws", "confidence"), [(3, 2, 0.9), (-1, 2, 0.9), (0, 0, 0.9), (1, 2, 1.0)])
def test_impossible_counts_are_refused(survived: int, draws: int, confidence: float) -> None:
    with pytest.raises(ValueError, match="no such sample"):
        certified_power(survived, draws, 1.0, confidence)
