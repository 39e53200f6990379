"""Bootstrap intervals: coverage, width, pairing, and infinite values."""

from __future__ import annotations

import math

import numpy as np
import pytest

from semrobust.tables.statistics import Bootstrap, SeedBootstrap, interval


def test_coverage_on_normal_data_is_95_percent() -> None:
    """400 data sets of 40 values: the percentile interval misses the true mean in 5% and a little more."""
    resamples, generator = Bootstrap(40, 300, 1), np.random.default_rng(2)
    trials, covered = 400, 0
    for _ in range(trials):
        low, high = interval(resamples.means(generator.normal(3.0, 2.0, 40)))
        covered += low <= 3.0 <= high
    # the percentile bootstrap behaves like 1.96 s_n/√n with the biased s_n: about 93.6% here; ±4 standard errors
    assert 0.887 <= covered / trials <= 0.985


def test_width_is_that_of_the_standard_error() -> None:
    values = np.random.default_rng(3).normal(0.0, 5.0, 2000)
    low, high = interval(Bootstrap(2000, 2000, 4).means(values))
    error = float(values.std()) / math.sqrt(2000)
    assert high - low == pytest.approx(2 * 1.96 * error, rel=0.08)
    assert (high + low) / 2 == pytest.approx(float(values.mean()), abs=0.2 * error)


def test_median_interval_of_normal_data_has_its_asymptotic_width() -> None:
    values = np.random.default_rng(5).normal(0.0, 1.0, 2001)
    low, high = interval(Bootstrap(2001, 1000, 6).medians(values))
    assert high - low == pytest.approx(2 * 1.96 * math.sqrt(math.pi / 2 / 2001), rel=0.25)
    assert low < float(np.median(values)) < high


def test_resamples_are_paired_across_statistics() -> None:
    resamples, generator = Bootstrap(50, 100, 1), np.random.default_rng(0)
    first, second = generator.normal(size=50), generator.normal(size=50)
    together = resamples.means(first - second)
    np.testing.assert_allclose(resamples.means(first) - resamples.means(second), together, atol=1e-12)
    np.testing.assert_allclose(resamples.means(2 * first) / resamples.means(first), 2.0)
    np.testing.assert_allclose(resamples.medians(first + 1), resamples.medians(first) + 1)


def test_draws_are_the_seed_s_alone_and_uniform_over_images() -> None:
    draws = Bootstrap(20, 2000, 9).draws
    assert draws.shape == (2000, 20)
    np.testing.assert_array_equal(draws, Bootstrap(20, 2000, 9).draws)
    assert not np.array_equal(draws, Bootstrap(20, 2000, 10).draws)
    counts = np.bincount(draws.ravel(), minlength=20)
    assert len(counts) == 20
    assert np.abs(counts - 2000).max() < 5 * math.sqrt(2000)


def test_statistics_of_each_resample_by_hand() -> None:
    resamples, values = Bootstrap(3, 4, 0), np.array([1.0, 10.0, 100.0])
    resamples.draws = np.array([[0, 0, 0], [0, 1, 2], [2, 2, 1], [1, 0, 1]], dtype=np.int32)
    np.testing.assert_allclose(resamples.means(values), [1.0, 37.0, 70.0, 7.0])
    np.testing.assert_allclose(resamples.medians(values), [1.0, 10.0, 100.0, 10.0])


def test_interval_ends_are_observed_resamples() -> None:
    values = np.arange(1.0, 1001.0)
    np.random.default_rng(0).shuffle(values)
    assert interval(values) == (25.0, 975.0)


@pytest.mark.parametrize("infinite", [1, 30, 500, 999, 1000])
def test_infinite_resamples_stay_infinite_and_never_become_nan(infinite: int) -> None:
    values = np.concatenate([np.ones(1000 - infinite), np.full(infinite, np.inf)])
    low, high = interval(values)
    assert low == (math.inf if infinite > 975 else 1.0)
    assert high == (math.inf if infinite > 25 else 1.0)


def test_medians_over_infinite_values_are_never_nan() -> None:
    values = np.array([1.0, 2.0, np.inf, np.inf])
    medians = Bootstrap(4, 500, 3).medians(values)
    assert not np.isnan(medians).any()
    assert np.isinf(medians).any()
    assert np.isfinite(medians).any()


def test_one_training_gives_the_bootstrap_over_images() -> None:
    values = np.random.default_rng(0).normal(size=(1, 30))
    np.testing.assert_array_equal(SeedBootstrap(1, 30, 200, 7).means(values), Bootstrap(30, 200, 7).means(values[0]))


def test_trainings_that_differ_widen_the_interval() -> None:
    values = np.random.default_rng(0).normal(size=(3, 200))
    apart = values + np.array([[-1.0], [0.0], [1.0]])
    alike, spread = (SeedBootstrap(3, 200, 1000, 7).means(of).std() for of in (values, apart))
    # three trainings at -1, 0, 1: the mean of three draws has the standard deviation sqrt(2/3)/sqrt(3)
    assert spread == pytest.approx(np.sqrt(2) / 3, rel=0.1)
    assert alike < spread / 4
