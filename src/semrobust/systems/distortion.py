"""Distortion between an image and its reconstruction: one definition for attacks and evaluation.

PSNR is taken per image with a peak of 1, then averaged; means of squared errors are reported as MSE.
"""

from __future__ import annotations

import torch

_LEAST_MSE = 1e-10  # an identical image is reported as 100 dB rather than infinity, so that means exist


def mean_squared_error(shown: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    """Mean squared error per image over all its values, shape (B,), float32."""
    return (shown - images).square().mean(dim=(1, 2, 3))


def psnr_db(mse: torch.Tensor) -> torch.Tensor:
    """PSNR in dB per image for a peak of 1, from mean squared errors (B,)."""
    return -10.0 * mse.clamp_min(_LEAST_MSE).log10()


def mse_from_psnr_db(psnr: float) -> float:
    """Mean squared error per pixel at a PSNR in dB, peak 1."""
    return float(10.0 ** (-psnr / 10.0))
