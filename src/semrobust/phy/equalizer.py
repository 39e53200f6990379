"""Linear equalizers: received vectors back to real uses, with the noise variance that each use is left with.

With y = Hx + n per slot, symbols of unit power and noise variance σ² per real dimension (`phy.fading`), a linear
receiver forms Wy, here scaled so that symbol k comes out with gain 1. W before scaling:

    zero-forcing  (H^H H)^-1 H^H            no interference, noise enhanced
    LMMSE         (H^H H + σ² I)^-1 H^H     largest SINR of all linear receivers

(Tse and Viswanath 2005, §8.3; Proakis and Salehi 2008, §15.1.) For A = WH, the variance left on each real use of
symbol k is (Σ_{j≠k} |A_kj|² + σ² Σ_r |W_kr|²) / A_kk², one over its SINR: σ² [(H^H H)^-1]_kk for zero-forcing, and
(1 - A_kk)/A_kk for LMMSE. For 1×1 both are y/h and σ²/|h|².
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from semrobust.phy.power import as_complex, as_real

RULES = ("zf", "lmmse")

_FAINT = 1e-12
"""Zero-forcing is LMMSE for this noise variance, -120 dB: a matrix without full rank then has an inverse, and the
interference that cannot be removed shows in the variance. A symbol with less gain than this is dead."""


@dataclass(frozen=True, eq=False)
class Equalized:
    """Real uses as the receiver sees them, both (batch, N), of the precision of the received vectors.

    `symbols`: estimate of each real use with gain 1, z + error. `variance`: of that error, given the matrices that the
    receiver knows, for symbols that are uncorrelated and of unit power per real use. Both go straight into
    `mapping.llr`. In a deep fade `symbols` is large; symbols / (1 + variance) is the estimate of least mean squared
    error from it, which stays bounded and suits a network.

    Errors of symbols sent in the same slot are correlated with each other; LLRs per use leave that unused.
    """

    symbols: torch.Tensor
    variance: torch.Tensor


def filters(fades: torch.Tensor, noise_variance: float, rule: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Scaled filters W, complex (..., N_t, N_r), and variances per real use, real (..., N_t), of fades (..., N_r, N_t).

    `noise_variance` σ² > 0 per real dimension of a receive antenna; `rule` is one of `RULES`. Computed in complex128,
    returned in the precision of `fades`; differentiable. A symbol that does not arrive at all gets an estimate near 0
    with variance 10^12, so its LLRs are near 0, never NaN.

    Raises ValueError for an unknown rule or a noise variance that is not positive.
    """
    if rule not in RULES:
        raise ValueError(f"unknown equalizer {rule!r}: choose one of {', '.join(RULES)}")
    if not noise_variance > 0:
        raise ValueError(f"noise variance {noise_variance} must be positive")
    wide = fades.to(torch.complex128)  # H^H H squares the condition number; the matrices are few and small
    own = torch.eye(wide.shape[-1], dtype=torch.bool, device=wide.device)
    load = noise_variance if rule == "lmmse" else _FAINT
    weights = torch.linalg.inv(wide.mH @ wide + load * own) @ wide.mH
    mixing = weights @ wide
    gain = mixing.diagonal(dim1=-2, dim2=-1).real
    interference = _power(mixing.masked_fill(own, 0))
    dead = gain < _FAINT
    scale = gain.masked_fill(dead, 1)
    variance = (interference + noise_variance * _power(weights)) / scale.square()
    weights = weights / scale.unsqueeze(-1)
    return weights.to(fades.dtype), variance.masked_fill(dead, 1 / _FAINT).to(fades.real.dtype)


def equalize(received: torch.Tensor, fades: torch.Tensor, noise_variance: float, rule: str = "lmmse") -> Equalized:
    """Estimate the real uses sent from `received` (batch, N·N_r/N_t), as `fading.transmit` made it.

    `fades` complex (batch or 1, blocks, N_r, N_t): what the receiver knows, `Fades.known`. `noise_variance` > 0 is what
    it counts with per real dimension, `Fading.assumed_noise_variance`. Differentiable in `received` and `fades`.

    Raises ValueError as `filters`, and for received vectors that do not fill the blocks.
    """
    blocks, receive, sent = fades.shape[1:]
    batch, width = received.shape
    if width == 0 or width % (2 * receive * blocks):
        raise ValueError(
            f"{width} real numbers received do not fill {blocks} equal blocks of {receive} antennas: "
            f"they must be a multiple of {2 * receive * blocks}"
        )
    weights, variance = filters(fades, noise_variance, rule)
    symbols = as_complex(received).reshape(batch, blocks, -1, receive) @ weights.mT
    per_slot = variance.unsqueeze(2).expand(batch, blocks, symbols.shape[2], sent)
    return Equalized(as_real(symbols), per_slot.reshape(batch, -1).repeat_interleave(2, dim=1))


def _power(matrix: torch.Tensor) -> torch.Tensor:
    """Sum of |entries|² of each row."""
    return torch.view_as_real(matrix).square().sum(dim=(-2, -1))
