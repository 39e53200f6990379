"""Comparing two systems: coverage of the intervals on made-up data of a known difference, pairing, McNemar by hand."""

from __future__ import annotations

from math import comb

import numpy as np
import numpy.typing as npt
import pytest

from semrobust.tables.paired import Answers, difference, discordant, mcnemar
from semrobust.tables.statistics import Bootstrap, interval

Bools = npt.NDArray[np.bool_]
SAMPLES = 200


def of(right: Bools, resamples: Bootstrap, guess: float = 0.0) -> Answers:
    return Answers(np.atleast_2d(right), guess, resamples)


def compared(one: Bools, other: Bools, guess: float = 0.0, seed: int = 0) -> tuple[float, float, float]:
    resamples = Bootstrap(one.shape[-1], SAMPLES, seed)
    return difference(of(one, resamples, guess), of(other, resamples, guess))


def test_the_interval_of_one_training_each_covers_a_known_difference() -> None:
    """Pairs of answers to 200 images, drawn so that the accuracies are 0.6 and 0.5: about 95% of the intervals."""
    generator, trials, covered, narrower = np.random.default_rng(1), 250, 0, 0
    for seed in range(trials):
        # both right, only the first, only the second, neither
        kind = generator.choice(4, size=200, p=[0.42, 0.18, 0.08, 0.32])
        one, other = np.isin(kind, [0, 1]), np.isin(kind, [0, 2])
        value, low, high = compared(one, other, seed=seed)
        assert value == pytest.approx(one.mean() - other.mean())
        covered += low <= 0.1 <= high
        narrower += high - low < 2 * 1.96 * np.sqrt((0.24 + 0.25) / 200)  # as if they had answered different images
    assert 0.91 <= covered / trials <= 0.98
    assert narrower == trials


@pytest.mark.parametrize("trainings", [(3, 3), (3, 1)])
def test_the_interval_of_several_trainings_covers_a_known_difference(trainings: tuple[int, int]) -> None:
    """Trainings whose accuracies vary by 3 points around 0.7 and 0.6, on 300 images; one training stands for itself."""
    generator, trials, covered, alone = np.random.default_rng(2), 250, 0, 0
    for seed in range(trials):
        tops, bottoms = (
            mean + 0.03 * generator.standard_normal(count) * (count > 1)
            for mean, count in zip((0.7, 0.6), trainings, strict=True)
        )
        hardness = generator.random(300)  # shared, so that answers to an image go together
        one, other = hardness < tops[:, None], hardness < bottoms[:, None]
        _, low, high = compared(one, other, seed=seed)
        covered += low <= 0.1 <= high
        low, high = compared(one[0], other[0], seed=seed)[1:]
        alone += low <= 0.1 <= high
    assert 0.91 <= covered / trials <= 0.995
    assert alone / trials < 0.7  # an interval over images alone says nothing of how trainings vary


def test_trainings_that_agree_leave_the_interval_over_images() -> None:
    generator = np.random.default_rng(3)
    one, other = generator.random(400) < 0.7, generator.random(400) < 0.5
    assert compared(np.stack([one] * 3), np.stack([other] * 3)) == pytest.approx(compared(one, other), abs=0.01)
    assert compared(np.stack([one] * 3), np.stack([one] * 3)) == (0.0, 0.0, 0.0)


def test_pairing_decides_what_nothing_else_does() -> None:
    """Of 1,000 images the second names all right that the first does, and 12 more: too few for independent samples."""
    right = np.random.default_rng(4).random(1000) < 0.5
    better = right.copy()
    better[np.flatnonzero(~right)[:12]] = True
    value, low, high = compared(better, right)
    assert value == pytest.approx(0.012)
    assert 0 < low < value < high
    assert mcnemar(*discordant(of(better, Bootstrap(1000, 100, 0)), of(right, Bootstrap(1000, 100, 0)))) < 0.001
    # the same accuracies on other images
    apart = np.random.default_rng(5).permutation(better)
    value, low, high = compared(apart, right)
    assert value == pytest.approx(0.012)
    assert low < 0 < high


def test_equal_means_are_told_equal_where_errors_are_the_same_and_not_where_they_are_others() -> None:
    right = np.arange(400) % 2 == 0
    assert compared(right, right) == (0.0, 0.0, 0.0)
    value, low, high = compared(right, ~right)
    assert value == 0.0
    assert low < -0.05 < 0.05 < high
    assert mcnemar(0, 0) == mcnemar(200, 200) == 1.0


def test_who_is_worse_than_guessing_counts_as_guessing() -> None:
    never, rarely, often = (np.arange(1000) < count for count in (0, 60, 400))
    assert compared(rarely, never, guess=0.1) == (0.0, 0.0, 0.0)
    value, low, high = compared(often, never, guess=0.1)
    assert value == pytest.approx(0.3)
    assert 0.26 < low < 0.3 < high < 0.34
    resamples = Bootstrap(1000, SAMPLES, 0)
    assert [of(right, resamples, 0.1).better_than_guessing for right in (never, rarely, often)] == [False, False, True]


@pytest.mark.parametrize(("only", "other"), [(9, 2), (2, 9), (5, 5), (0, 6), (1, 0), (40, 20)])
def test_mcnemar_is_twice_the_tail_of_fair_coins(only: int, other: int) -> None:
    count = only + other
    tail = sum(comb(count, heads) for heads in range(min(only, other) + 1)) / 2**count
    assert mcnemar(only, other) == pytest.approx(min(1.0, 2 * tail))


def test_mcnemar_by_hand() -> None:
    """Nine against two: 2 (1 + 11 + 55) / 2048."""
    assert mcnemar(9, 2) == pytest.approx(134 / 2048)


def test_discordant_images_are_those_that_one_of_the_two_names_right() -> None:
    resamples = Bootstrap(5, 100, 0)
    one, other = np.array([1, 1, 1, 0, 0], dtype=bool), np.array([1, 0, 0, 1, 0], dtype=bool)
    assert discordant(of(one, resamples), of(other, resamples)) == (2, 1)


def test_shares_are_the_means_of_the_same_resamples() -> None:
    resamples, right = Bootstrap(30, 100, 7), np.random.default_rng(0).random((4, 30)) < 0.3
    expected = [resamples.means(row.astype(float)) for row in right]
    np.testing.assert_allclose(resamples.shares(right), expected, rtol=1e-12)
    assert interval(resamples.shares(np.ones((1, 30), dtype=bool))[0]) == (1.0, 1.0)
