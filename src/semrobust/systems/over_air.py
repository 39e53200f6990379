"""Systems that reconstruct images, over any channel of the params: fading, several antennas, imperfect knowledge."""

from __future__ import annotations

import torch

from semrobust.models.straight_through import straight_through
from semrobust.phy.air import Air, Normals
from semrobust.phy.power import noise_variance
from semrobust.systems.base import Decoded, System
from semrobust.systems.classical import ClassicalSystem

CERTAIN = 1e-3
"""Noise variance that a receiver counts with where nothing is lost: every LLR is large."""


def decode_over(system: System, codewords: torch.Tensor, air: Air, draw: Normals) -> Decoded:
    """Send codewords (B, N) over the air and decode what the equalizer makes of them; all blocks share one fade.

    A receiver of bits takes symbols and their variances as LLRs. A network was trained on AWGN and knows no variances:
    it gets the estimate of least mean squared error, times what that estimate is short of over AWGN at the same SNR, so
    that over AWGN it sees what it was trained with, and in a deep fade nothing that blows up.
    """
    arrived = air.receive(codewords, draw)
    if "soft_bits" in system.capabilities:
        return system.soft_bits().decode(arrived.symbols, arrived.variance)
    variance = noise_variance(air.snr_db)
    return system.decode(arrived.symbols * (1 + variance) / (1 + arrived.variance), variance)


def shown(system: System, images: torch.Tensor, temperature: float | None) -> torch.Tensor:
    """What the receiver reconstructs of images (B,3,H,W) if nothing is lost on the air, with gradients back to them.

    They pass a network as they are, and a source codec as the identity or by soft assignment
    (`ClassicalSystem.differentiable`).
    """
    if not isinstance(system, ClassicalSystem):
        return system.decode_differentiably(system.encode_differentiably(images), CERTAIN)
    exact = system.decode(system.send(images.detach()).codewords, CERTAIN).images
    return straight_through(system.differentiable(images, temperature), exact)
