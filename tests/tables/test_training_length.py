"""Training lengths: the prediction interval is that of theory, and rows are what the samples say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from semrobust.tables.training_length import predicted


def test_a_line_without_noise_is_predicted_exactly() -> None:
    x = np.log([25.0, 50.0, 100.0, 200.0])
    assert predicted(x, 3.0 - 0.5 * x, np.log(1000.0)) == pytest.approx(3.0 - 0.5 * np.log(1000.0))


def test_the_interval_holds_one_more_training_as_often_as_it_says() -> None:
    """Of many sets of five trainings with normal errors, and one more each."""
    generator, x, at = np.random.default_rng(0), np.log([25.0, 50.0, 100.0, 200.0, 400.0]), np.log(1000.0)
    held = []
    for _ in range(2000):
        _, low, high = predicted(x, 1.0 + 2.0 * x + generator.normal(size=5), at)
        held.append(low <= 1.0 + 2.0 * at + generator.normal() <= high)
    low, high = stats.binom.interval(0.9999, len(held), 0.95)
    assert low <= sum(held) <= high
