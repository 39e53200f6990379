"""The way from the sender's codeword to what the receiver decodes: fading, noise, equalizer, at one SNR."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, Self

import torch

from semrobust.config.settings import ChannelSettings
from semrobust.phy.equalizer import Equalized, equalize
from semrobust.phy.fading import Fading, fades_from_normals, transmit


class Normals(Protocol):
    """Where a batch of B codewords takes its random numbers from: streams by name."""

    def named(self, *name: str | int) -> Self: ...
    def normal(self, *shape: int) -> torch.Tensor:
        """Standard normal values (B, *shape), float32."""


@dataclass(frozen=True)
class Air:
    """A channel at one SNR and the linear receiver behind it.

    `law` of fading and of what the receiver knows; `snr_db` as in `phy.fading`; `per_codeword`: H changes from codeword
    to codeword instead of standing still over an image; `rule` of the equalizer.
    """

    law: Fading
    snr_db: float
    per_codeword: bool = False
    rule: str = "lmmse"

    @classmethod
    def of(cls, channel: ChannelSettings, snr_db: float) -> Air:
        """The channel of the params at an SNR in dB."""
        k_factor_db = 0.0 if channel.k_factor_db is None else channel.k_factor_db
        law = Fading(channel.fading, k_factor_db, channel.transmit, channel.receive, channel.csi_error)
        return cls(law, snr_db, channel.block == "codeword", channel.equalizer)

    def receive(self, codewords: torch.Tensor, draw: Normals, count: int = 1) -> Equalized:
        """Send codewords (B, N) real, of `count` codewords side by side per image; differentiable in them.

        Returns symbols and variances (B, N) as `phy.equalizer`: for `mapping.llr`, or as symbols / (1 + variance) for
        a network. Raises ValueError where N does not fill slots and blocks (`fading.antenna_symbols`).
        """
        law, blocks = self.law, count if self.per_codeword else 1
        fades = fades_from_normals(
            law, draw.named("fading").normal(law.draws(blocks)), draw.named("estimate").normal(law.draws(blocks))
        )
        noise = draw.named("noise").normal(law.received_uses(codewords.shape[1]))
        received = transmit(codewords, fades.true, self.snr_db, noise)
        return equalize(received, fades.known, law.assumed_noise_variance(self.snr_db), self.rule)
