"""The best linear code: Gaussian sources in closed form, and the water level's conditions."""

from __future__ import annotations

import numpy as np
import pytest

from semrobust.codecs.karhunen_loeve import KarhunenLoeve, water_filled

VARIANCES = np.array([4.0, 1.0, 0.25, 0.01])


@pytest.mark.parametrize("noise_variance", [0.01, 0.1, 1.0, 10.0])
def test_powers_are_those_of_least_error(noise_variance: float) -> None:
    """All the power is spent; the slope of the error is one of all used components, and less steep of the unused."""
    powers = water_filled(VARIANCES, 4.0, noise_variance)
    assert powers.sum() == pytest.approx(4.0)
    slopes = VARIANCES * noise_variance / (powers + noise_variance) ** 2
    used = powers > 0
    np.testing.assert_allclose(slopes[used], slopes[0])
    assert (slopes[~used] <= slopes[0] * (1 + 1e-9)).all()


def test_a_white_source_over_as_many_uses_reaches_the_limit_of_any_code() -> None:
    """Uncoded transmission of a white Gaussian source is optimal: error σ²/(1 + σ²) per value at unit power."""
    code = KarhunenLoeve(np.zeros(4), np.eye(4), np.ones(4), 0.0)
    assert code.expected(0.25) == pytest.approx(4 * 0.25 / 1.25)


def test_what_is_measured_on_a_gaussian_source_is_what_theory_says() -> None:
    stream = np.random.default_rng(0)
    turn, _ = np.linalg.qr(stream.standard_normal((6, 6)))
    scales = np.sqrt([4.0, 2.0, 1.0, 0.5, 0.1, 0.05])
    train, test = (stream.standard_normal((20_000, 6)) * scales @ turn + 3.0 for _ in range(2))
    code = KarhunenLoeve.fitted(train, 3)
    for noise_variance in (0.05, 0.5):
        shown = code.transmitted(test, stream.standard_normal((20_000, 3)), noise_variance)
        measured = np.square(shown - test).sum(axis=1).mean()
        assert measured == pytest.approx(code.expected(noise_variance), rel=0.03)


def test_without_noise_what_is_left_are_the_components_that_are_not_sent() -> None:
    stream = np.random.default_rng(1)
    train = stream.standard_normal((500, 5)) * [3.0, 2.0, 1.0, 0.5, 0.1]
    code = KarhunenLoeve.fitted(train, 2)
    shown = code.transmitted(train, np.zeros((500, 2)), 1e-12)
    assert np.square(shown - train).sum(axis=1).mean() == pytest.approx(code.rest, rel=1e-6)
