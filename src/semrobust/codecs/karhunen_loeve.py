"""The best linear code for a source and a number of channel uses: Karhunen-Loève components, one per use.

A source x of D real values with mean m has the covariance C = Σ λ_i e_i e_iᵀ with λ_i falling. Component i is scaled
to the power a_i² and sent on channel use i with noise of variance σ². The linear estimate of least error is x̂:

    z_i = a_i e_iᵀ(x - m)/√λ_i,   x̂ = m + Σ e_i √λ_i a_i/(a_i² + σ²) (z_i + w_i),   E‖x - x̂‖² = Σ λ_i σ²/(a_i² + σ²)

Powers with Σ a_i² = P and the least error are a_i² = max(0, σ√(λ_i/ν) - σ²): water-filling over the √λ_i, as the
Lagrange condition λ_i σ²/(a_i² + σ²)² = ν of each used component says (Lee, Petersen 1976, IEEE Trans. Commun. 24).
The power is that of the average over the source, where a transceiver of this project has it for every sample.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Reals = npt.NDArray[np.float64]


def water_filled(variances: Reals, power: float, noise_variance: float) -> Reals:
    """Powers a_i² of components with these falling variances, their sum `power`."""
    roots, sigma = np.sqrt(variances), noise_variance**0.5
    used = np.arange(1, len(roots) + 1)
    level = (power + used * noise_variance) / (sigma * np.maximum(np.cumsum(roots), 1e-300))  # 1/√ν with so many used
    wet = sigma * roots * level > noise_variance
    if not wet.any():
        return np.zeros_like(roots)
    count = int(used[wet].max())
    return np.where(used <= count, np.maximum(sigma * roots * level[count - 1] - noise_variance, 0.0), 0.0)


@dataclass(frozen=True)
class KarhunenLoeve:
    """A fitted code: `mean` (D,), `basis` (uses, D) of unit rows, their `variances` (uses,), and that of the `rest`."""

    mean: Reals
    basis: Reals
    variances: Reals
    rest: float

    @classmethod
    def fitted(cls, samples: Reals, uses: int) -> KarhunenLoeve:
        """From training samples (n, D)."""
        mean = samples.mean(axis=0)
        values, vectors = np.linalg.eigh(np.cov(samples, rowvar=False, bias=True))
        values = np.maximum(values[::-1], 0.0)
        return cls(mean, vectors[:, ::-1].T[:uses], values[:uses], float(values[uses:].sum()))

    def expected(self, noise_variance: float) -> float:
        """E‖x - x̂‖² at N = `uses` of unit power per use."""
        powers = water_filled(self.variances, len(self.variances), noise_variance)
        return float((self.variances * noise_variance / (powers + noise_variance)).sum()) + self.rest

    def transmitted(self, samples: Reals, noise: Reals, noise_variance: float) -> Reals:
        """What the receiver reconstructs of samples (n, D), over standard normal `noise` (n, uses)."""
        powers = water_filled(self.variances, len(self.variances), noise_variance)
        scales = np.sqrt(powers / np.where(self.variances > 0, self.variances, 1.0))
        received = (samples - self.mean) @ self.basis.T * scales + noise_variance**0.5 * noise
        shown: Reals = self.mean + (received * (scales * self.variances / (powers + noise_variance))) @ self.basis
        return shown
