"""Descent to the boundary of the decoder, with direction and norm decoupled (Rony et al., CVPR 2019).

The vector turns along the gradient of the soft minimum of all posteriors after a few unrolled iterations; its norm
shrinks by a share after every step at which the real decoder fails, and grows by it else. Where the channel is quiet
that gradient is 0 for all practical purposes, as messages saturate. So the unrolled iterations are those of a
surrogate: sum-product, whatever the decoder's rule, given the LLRs of more noise than there is. What fails is decided
by the decoder as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from semrobust.attacks.code.refine import through_decoder
from semrobust.attacks.code.words import Words, norms
from semrobust.phy.decoder import Decoder
from semrobust.phy.power import noise_variance

SURROGATE_DB = (-0.5, 2.0)
"""SNRs that the unrolled iterations believe in, one drawn per step; a noisier channel is believed as it is."""


@dataclass(frozen=True)
class Descent:
    """`steps` in all, through `depth` unrolled iterations; from its first value to its last one, geometrically: `turn`,
    the length of a step relative to the norm, and `share`, by which the norm changes."""

    steps: int
    depth: int
    turn: tuple[float, float]
    share: tuple[float, float]


def descend(
    words: Words, vectors: torch.Tensor, rows: torch.Tensor, descent: Descent, stream: np.random.Generator
) -> torch.Tensor:
    """The shortest vectors (w, M) on the way down from `vectors` that fail the words `rows`, infinite where none does.

    All rows share the draws of `stream`, so no word's result depends on its batch.
    """
    best, least = torch.full_like(vectors, torch.inf), torch.full((len(rows),), torch.inf)
    length = norms(vectors)
    turns, shares = (np.geomspace(*ends, descent.steps) for ends in (descent.turn, descent.share))
    for turn, share in zip(turns.tolist(), shares.tolist(), strict=True):
        failed = words.fails(vectors, rows)
        shorter = failed & (length < least)
        best[shorter], least[shorter] = vectors[shorter], length[shorter]
        slope = uphill(words, vectors, rows, descent.depth, float(stream.uniform(*SURROGATE_DB)))
        vectors = vectors - turn * (length / norms(slope).clamp_min(1e-12))[:, None] * slope
        length = length * torch.where(failed, 1.0 - share, 1.0 + share)
        vectors = vectors * (length / norms(vectors).clamp_min(1e-12))[:, None]
    return best


def uphill(
    words: Words, vectors: torch.Tensor, rows: torch.Tensor, depth: int, snr_db: float = SURROGATE_DB[0]
) -> torch.Tensor:
    """Gradient (w, M) of the soft minimum of all posteriors in the surrogate, which believes in at most `snr_db`."""
    real, believed = words.decoder, max(words.noise_variance, noise_variance(snr_db))
    surrogate = Decoder(real.code, "sum-product", real.iterations, schedule=real.schedule)
    return through_decoder(replace(words, decoder=surrogate, noise_variance=believed), vectors, rows, depth)
