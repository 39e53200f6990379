"""Bounds: closed forms of linear decoders, units, and what may enter which inequality."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from semrobust.phy.power import noise_variance
from semrobust.systems.distortion import mean_squared_error, mse_from_psnr_db
from semrobust.theory import bounds
from semrobust.theory.bounds import Certified, Diagnostic

G = Certified(2.0, "by hand")
positive = st.floats(1e-3, 1e3)


def test_total_squared_error_is_that_of_all_values() -> None:
    shown, images = torch.rand(5, 3, 32, 32, generator=torch.Generator().manual_seed(0)), torch.zeros(5, 3, 32, 32)
    total = bounds.total_squared_error(mean_squared_error(shown, images).numpy())
    assert total == pytest.approx((shown - images).flatten(1).norm(dim=1).square().numpy(), rel=1e-5)
    assert float(bounds.total_squared_error(mse_from_psnr_db(15.0))) == pytest.approx(3072 * 10**-1.5)


def test_least_power_is_met_by_a_scaled_isometry() -> None:
    """g(y) = 2y reaches eq. 10 with equality when s points along the error that is there already."""
    rng = np.random.default_rng(1)
    image, received = rng.standard_normal((2, 6, 40))
    clean = ((2 * received - image) ** 2).sum(axis=1)
    along = (2 * received - image) / np.sqrt(clean)[:, None]
    attacked = clean + 7.0
    power = bounds.least_power(attacked, clean, G)
    reached = ((2 * (received + np.sqrt(power)[:, None] * along) - image) ** 2).sum(axis=1)
    assert reached == pytest.approx(attacked)


@given(attacked=positive, clean=positive, power=positive)
def test_least_power_is_least(attacked: float, clean: float, power: float) -> None:
    """Less power than eq. 10 asks for keeps √D below √D₁, by eq. 4 and the triangle inequality."""
    least = float(bounds.least_power(attacked, clean, G))
    highest = math.sqrt(clean) + float(bounds.reach(G, power))
    if power < least * (1 - 1e-9):
        assert highest < math.sqrt(attacked)
    if clean >= attacked:
        assert least == 0


def test_ideal_bound_is_eq_10_at_the_expected_clean_distortion() -> None:
    """Eq. 12 is eq. 10 with D₀ = N σ² G² of eq. 11, as long as its bracket is not negative."""
    for snr_db in (0.0, 10.0, 20.0):
        variance = noise_variance(snr_db)
        expected = bounds.clean_distortion_bound(16, variance, G)
        assert expected == pytest.approx(64 * variance)
        attacked = 100.0
        found = bounds.ideal_least_power(attacked, 16, variance, G)
        assert found == pytest.approx(float(bounds.least_power(attacked, expected, G)))
        assert found > 0


def test_ideal_bound_promises_nothing_where_noise_alone_may_break() -> None:
    assert bounds.ideal_least_power(100.0, 768, noise_variance(0.0), G) == 0  # the squared bracket would be 517
    assert bounds.ideal_least_power(100.0, 25, 1.0, G) == 0


@pytest.mark.parametrize("slope", [Diagnostic(2.0, "at a point"), 2.0])
def test_only_certificates_bound(slope: Any) -> None:
    with pytest.raises(TypeError, match="diagnostic_power"):
        bounds.least_power(4.0, 1.0, slope)
    with pytest.raises(TypeError, match="Certified"):
        bounds.ideal_least_power(4.0, 1, 1.0, slope)
    with pytest.raises(TypeError, match="Certified"):
        bounds.clean_distortion_bound(1, 1.0, slope)
    with pytest.raises(TypeError, match="Certified"):
        bounds.reach(slope, 1.0)


def test_only_diagnostics_estimate() -> None:
    assert bounds.diagnostic_power(9.0, 1.0, Diagnostic(2.0, "at a point")) == pytest.approx(1.0)
    with pytest.raises(TypeError, match="least_power"):
        bounds.diagnostic_power(9.0, 1.0, G)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [0.0, -1.0, math.inf, math.nan])
def test_slopes_are_finite_and_positive(value: float) -> None:
    for kind in (Certified, Diagnostic):
        with pytest.raises(ValueError, match="finite and positive"):
            kind(value, "by hand")
