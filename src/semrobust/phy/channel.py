"""Channels: what the air does to a codeword before the attacker and the receiver see it."""

from __future__ import annotations

import math

import torch

from semrobust.phy.power import noise_variance
from semrobust.pipeline import seeds


def awgn(codewords: torch.Tensor, snr_db: float, standard_noise: torch.Tensor) -> torch.Tensor:
    """Add white Gaussian noise: y = z + sqrt(10^(-snr_db/10)) n.

    `codewords` and `standard_noise` have shape (batch, N); the noise is standard normal, drawn by the caller
    (`channel_noise` for evaluation, the training loop's own generator for training).
    """
    return codewords + math.sqrt(noise_variance(snr_db)) * standard_noise


def channel_noise(root_seed: int, snr_db: float, start: int, stop: int, uses: int) -> torch.Tensor:
    """Standard normal noise of test images `start`..`stop`-1 at one SNR, shape (stop - start, uses), float32.

    All systems with the same N get the same noise for the same image (common random numbers), which
    makes comparisons between systems paired.
    """
    rows = seeds.gaussian_rows(root_seed, "channel", "awgn", float(snr_db), start=start, stop=stop, width=uses)
    return torch.from_numpy(rows)
