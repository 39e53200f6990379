"""Any system that shows images, over any channel of the params: fading, several antennas, imperfect knowledge."""

from __future__ import annotations

import torch

from semrobust.phy.air import Air, Normals
from semrobust.phy.power import noise_variance
from semrobust.systems.base import Decoded, System


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
