"""Cross-fitting: a choice among noise gains nothing, and among real differences loses nothing."""

from __future__ import annotations

import numpy as np

from semrobust.tables.adaptation import cross_fitted


def test_the_best_of_many_equal_candidates_is_no_better_than_one() -> None:
    """Choosing and scoring on the same images would report the largest of 200 means: 2.7 standard errors too much."""
    rng = np.random.default_rng(0)
    gains, naive = [], []
    for _ in range(200):
        noise = {str(name): rng.normal(size=100) for name in range(200)}
        gains.append(cross_fitted(noise).values.mean())
        naive.append(max(values.mean() for values in noise.values()))
    error = 0.1 / 200**0.5
    assert abs(np.mean(gains)) < 4 * error
    assert np.mean(naive) > 20 * error


def test_a_clear_winner_is_taken_by_both_halves() -> None:
    rng = np.random.default_rng(1)
    candidates = {"a": rng.normal(size=101), "b": rng.normal(size=101) + 3.0, "c": rng.normal(size=101)}
    chosen = cross_fitted(candidates)
    assert (chosen.even, chosen.odd) == ("b", "b")
    assert np.array_equal(chosen.values, candidates["b"])


def test_halves_are_every_other_image_and_the_first_wins_a_tie() -> None:
    chosen = cross_fitted(
        {"x": np.array([1.0, 5.0, 1.0]), "y": np.array([2.0, 3.0, 2.0]), "z": np.array([2.0, 5.0, 2.0])}
    )
    assert (chosen.even, chosen.odd) == ("x", "y")  # by the odd image x = z, by the even ones y = z
    assert chosen.values.tolist() == [1.0, 3.0, 1.0]
    assert cross_fitted({"x": np.array([1.0]), "y": np.array([2.0])}).values.tolist() == [2.0]
