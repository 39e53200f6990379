"""Slopes of a differentiable receiver at the vectors that arrive without an attack: diagnostics for tables."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from semrobust.attacks.base import Target
from semrobust.config.searches import TheorySettings
from semrobust.phy.power import SOURCE_VALUES
from semrobust.pipeline import seeds
from semrobust.theory.jacobian import frobenius_squared, spectral_norm


def slopes(
    given: TheorySettings, seed: int, target: Target, start: int, snr_db: float
) -> dict[str, npt.NDArray[np.float64]]:
    """Per image (B,), for the batch of test images from number `start` on.

    `spectral` norm of the Jacobian, `converged` (0 or 1) whether its power iteration did, and `frobenius_squared`.
    """
    system = target.system

    def decode(received: torch.Tensor) -> torch.Tensor:
        return system.decode_differentiably(received, target.noise_variance)

    spectral = spectral_norm(decode, target.received, target.directions, given.tolerance, given.iterations)
    rows = {"start": start, "stop": start + len(target), "width": SOURCE_VALUES}
    normal = (seeds.gaussian_rows(seed, "limits", probe, snr_db, **rows) for probe in range(given.probes))
    probes = torch.stack([torch.from_numpy(values).sign() for values in normal])
    return {
        "spectral": spectral.norm.numpy(),
        "converged": spectral.converged.double().numpy(),
        "frobenius_squared": frobenius_squared(decode, target.received, probes).numpy(),
    }
