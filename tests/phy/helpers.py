"""Reference formulas and random words, written independently of the package where they check it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy import stats

from semrobust.phy import channel, mapping, power
from semrobust.phy.decoder import Decoded
from semrobust.phy.fading import Fades, Fading, fades_from_normals
from semrobust.phy.ldpc import LdpcCode

BPSK = mapping.modulation("bpsk")
QPSK = mapping.modulation("qpsk")
QAM16 = mapping.modulation("16qam")


def q_function(x: float) -> float:
    """Gaussian tail probability."""
    return 0.5 * math.erfc(x / math.sqrt(2.0))


def binomial_interval(trials: int, probability: float, level: float = 0.999) -> tuple[int, int]:
    """Counts that a binomial variable leaves with probability at most 1 - level."""
    tail = (1 - level) / 2
    law = stats.binom(trials, probability)
    return int(law.ppf(tail)), int(law.ppf(1 - tail))


def messages(code: LdpcCode, count: int, seed: int = 0) -> torch.Tensor:
    """Random message bits (count, k) uint8."""
    return torch.randint(0, 2, (count, code.k), generator=_rng(seed), dtype=torch.uint8)


def normal(count: int, uses: int, seed: int = 1) -> torch.Tensor:
    """Standard normal noise (count, uses)."""
    return torch.randn(count, uses, generator=_rng(seed))


def drawn_fades(law: Fading, images: int, blocks: int = 1, seed: int = 0) -> Fades:
    """Fades of images and their estimates; of one seed all laws share the normal numbers behind them."""
    normals = torch.randn(2, images, law.draws(blocks), generator=torch.Generator().manual_seed(seed))
    return fades_from_normals(law, *normals)


def received_llr(codewords: torch.Tensor, snr_db: float, mod: mapping.Modulation = BPSK, seed: int = 1) -> torch.Tensor:
    """LLRs of coded bits sent over AWGN."""
    sent = mapping.map_bits(codewords, mod)
    received = channel.awgn(sent, snr_db, normal(sent.shape[0], sent.shape[1], seed))
    return mapping.llr(received, power.noise_variance(snr_db), mod)


def block_errors(decoded: Decoded, bits: torch.Tensor) -> int:
    """Words of which any message bit is wrong."""
    return int((decoded.bits != bits).any(1).sum())


def syndromes(code: LdpcCode, words: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """H x mod 2 for words on all nodes, (words, checks)."""
    product = np.asarray(code.parity_check.astype(np.int64) @ words.T.astype(np.int64))
    return np.asarray(product % 2).T


def codebook(code: LdpcCode) -> npt.NDArray[np.uint8]:
    """All 2^k codewords of a tiny code, (2^k, n)."""
    words = (np.arange(2**code.k)[:, None] >> np.arange(code.k)) & 1
    return ((words @ code.generator.astype(np.int64)) % 2).astype(np.uint8)


def _rng(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
