"""Least attack power that a Lipschitz decoder guarantees (zhang2026, eqs. 4, 10, 11, 12).

Distortion D is the total squared error ||x - x̂||² over all values of an image, as in the paper; the rest of this
package measures means per value, and `total_squared_error` converts. Power is ρ = ||s||².

A decoder g is G-Lipschitz when ||g(y₁) - g(y₂)|| <= G ||y₁ - y₂|| for *all* y₁, y₂ (eq. 4). Only such a G can enter an
inequality that holds for every attack, so the functions here take a `Certified` one; slopes measured at points are
`Diagnostic`s (`theory.lipschitz`), and what they would promise has a name of its own: `diagnostic_power`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from semrobust.phy.power import SOURCE_VALUES

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Certified:
    """A Lipschitz constant of the decoder on its whole domain; `method` says how it was proved."""

    value: float
    method: str

    def __post_init__(self) -> None:
        _positive(self.value, "a Lipschitz constant")


@dataclass(frozen=True)
class Diagnostic:
    """A slope that the decoder has somewhere: at a point, along a path. It bounds nothing elsewhere."""

    value: float
    method: str

    def __post_init__(self) -> None:
        _positive(self.value, "a slope")


def total_squared_error(mse: Values | float) -> Values:
    """D = ||x - x̂||² of an image from its mean squared error per value."""
    total: Values = SOURCE_VALUES * np.asarray(mse, dtype=np.float64)
    return total


def reach(lipschitz: Certified, power_total: Values | float) -> Values:
    """Eq. 4: the largest ||g(y + s) - g(y)|| that ||s||² = `power_total` can cause."""
    farthest: Values = _certified(lipschitz) * np.sqrt(np.asarray(power_total, dtype=np.float64))
    return farthest


def least_power(attacked: Values | float, clean: Values | float, lipschitz: Certified) -> Values:
    """Eq. 10: every s that drives the distortion from D₀ = `clean` to D₁ = `attacked` has ||s||² >= this.

    ((√D₁ - √D₀)/G)², and 0 where D₀ >= D₁: an image that is broken already needs no power. D₀ is the distortion of this
    very transmission, noise included; then the inequality holds for this image and this noise, whatever the encoder.
    """
    return _power(attacked, clean, _certified(lipschitz))


def clean_distortion_bound(uses: int, noise_variance: float, lipschitz: Certified) -> float:
    """Eq. 11: E D₀ <= N σ² G², for a decoder that inverts the encoder exactly where there is no noise.

    A trained decoder does not, so this is the paper's statement about an ideal one, never a bound on what we measure.
    """
    return uses * noise_variance * _certified(lipschitz) ** 2


def ideal_least_power(attacked: float, uses: int, noise_variance: float, lipschitz: Certified) -> float:
    """Eq. 12: ρ* >= (√D*/G - √(N σ²))² for that ideal decoder and a noise of its expected power.

    Holds only where the bracket is not negative; else nothing is promised, and this is 0.
    """
    bracket = math.sqrt(attacked) / _certified(lipschitz) - math.sqrt(uses * noise_variance)
    return max(bracket, 0.0) ** 2


def diagnostic_power(attacked: Values | float, clean: Values | float, slope: Diagnostic) -> Values:
    """What eq. 10 would say if the decoder were nowhere steeper than `slope`: an estimate that attacks may beat."""
    if not isinstance(slope, Diagnostic):
        raise TypeError("diagnostic_power takes a Diagnostic slope; a Certified constant belongs into least_power")
    return _power(attacked, clean, slope.value)


def _power(attacked: Values | float, clean: Values | float, slope: float) -> Values:
    rise = np.sqrt(np.asarray(attacked, dtype=np.float64)) - np.sqrt(np.asarray(clean, dtype=np.float64))
    power: Values = (np.maximum(rise, 0.0) / slope) ** 2
    return power


def _certified(lipschitz: Certified) -> float:
    """Refuse a diagnostic at run time too: type checkers do not see notebooks."""
    if not isinstance(lipschitz, Certified):
        raise TypeError(
            f"a bound needs a Certified Lipschitz constant, not {type(lipschitz).__name__}: a slope at a point bounds "
            "nothing elsewhere. For an estimate use diagnostic_power"
        )
    return lipschitz.value


def _positive(value: float, what: str) -> None:
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{what} must be finite and positive, not {value}")
