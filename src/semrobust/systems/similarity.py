"""Structural similarity, fast enough for millions of small images."""

from __future__ import annotations

from functools import cache

import torch

_WINDOW, _SIGMA = 11, 1.5
_C1, _C2 = 0.01**2, 0.03**2


@cache
def _filter(side: int) -> torch.Tensor:
    """Gaussian window around each of `side` samples, which are mirrored at the edges: float32 (side, side)."""
    offsets = torch.arange(_WINDOW) - _WINDOW // 2
    window = torch.exp(-(offsets.double() ** 2) / (2 * _SIGMA**2))
    places = (torch.arange(side)[:, None] + offsets).abs()
    places = torch.minimum(places, 2 * (side - 1) - places)
    rows = torch.zeros(side, side, dtype=torch.float64)
    return rows.scatter_add_(1, places, (window / window.sum()).expand(side, -1)).float()


def ssim(shown: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    """Structural similarity per image (B,) of images (B,C,H,W) in [0,1], Wang et al. 2004.

    11x11 Gaussian window with σ = 1.5, peak 1, mirrored edges, the mean over channels and pixels: what
    torchmetrics computes, by two small matrix products instead of a convolution.
    """
    down, across = (_filter(side) for side in shown.shape[-2:])

    def mean(values: torch.Tensor) -> torch.Tensor:
        return down @ values @ across.T

    one, two = mean(shown), mean(images)
    spread = mean(shown.square()) + mean(images.square()) - one.square() - two.square()
    common = mean(shown * images) - one * two
    structure = (2 * common + _C2) / (spread + _C2)
    return ((2 * one * two + _C1) / (one.square() + two.square() + _C1) * structure).mean(dim=(1, 2, 3))
