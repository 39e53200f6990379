"""Power, SNR and attack power: the only place where these are defined.

Conventions: a codeword has N *real* channel uses and ||z||² = N, so unit power per real use; two real
uses make one complex symbol. `snr_db` is signal power over noise power per use, hence the noise
variance per real use is 10^(-snr_db/10), on real and complex views of a codeword alike.

Tables need the numbers alone, so torch is imported where tensors are made.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

SOURCE_VALUES = 3 * 32 * 32
"""Real values of one image: the denominator of CBR and of the bandwidth ratio."""


def noise_variance(snr_db: float) -> float:
    """Noise variance per real channel use at `snr_db` for a codeword of unit power per real use."""
    return float(10.0 ** (-snr_db / 10.0))


def normalize_power(codewords: torch.Tensor) -> torch.Tensor:
    """Scale each codeword of shape (batch, N) to ||z||² = N.

    A codeword of all zeros has no direction: it stays zero rather than becoming NaN.
    """
    import torch

    uses = codewords.shape[1]
    norm = codewords.norm(dim=1, keepdim=True).clamp_min(torch.finfo(codewords.dtype).tiny)
    normalized: torch.Tensor = codewords / norm * math.sqrt(uses)
    return normalized


def power_total(vectors: torch.Tensor) -> torch.Tensor:
    """||s||² of each row of a (batch, N) tensor, float64, shape (batch,)."""
    return vectors.double().square().sum(dim=1)


def power_per_use(power: float, uses: int) -> float:
    """||s||²/N from ||s||²."""
    return power / uses


def psr_db(power: float, uses: int) -> float:
    """Perturbation-to-signal ratio 10 log10(||s||²/||z||²) in dB, with ||z||² = N; -inf for no attack."""
    return 10.0 * math.log10(power / uses) if power > 0 else -math.inf


def power_from_psr_db(ratio_db: float, uses: int) -> float:
    """||s||² of a perturbation at `ratio_db` against a codeword of N = `uses` real channel uses."""
    return float(uses * 10.0 ** (ratio_db / 10.0))


def channel_bandwidth_ratio(uses: int, values: int = SOURCE_VALUES) -> float:
    """CBR: complex symbols per source value, (N/2)/(3·32·32) of images."""
    return uses / 2 / values


def bandwidth_ratio(uses: int, values: int = SOURCE_VALUES) -> float:
    """Real channel uses per source value, N/(3·32·32) of images; twice the CBR."""
    return uses / values


def as_complex(codewords: torch.Tensor) -> torch.Tensor:
    """View (batch, N) real uses as (batch, N/2) complex symbols; uses 2i and 2i+1 are I and Q of symbol i."""
    import torch

    return torch.view_as_complex(codewords.reshape(codewords.shape[0], -1, 2).contiguous())


def as_real(symbols: torch.Tensor) -> torch.Tensor:
    """Inverse of `as_complex`: (batch, N/2) complex symbols to (batch, N) real uses."""
    import torch

    return torch.view_as_real(symbols).reshape(symbols.shape[0], -1)
