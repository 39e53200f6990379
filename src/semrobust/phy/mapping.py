"""Mapping of coded bits to channel uses and back: BPSK, Gray QPSK and 16-QAM, one PAM per real use.

Square Gray QAM is separable: the in-phase and the quadrature part of a complex symbol carry different
bits, so a symbol is two independent PAM symbols on real uses 2i (I) and 2i+1 (Q). Labelling of 3GPP TS 38.211
§5.1.3 and §5.1.4: a bit 0 is the positive sign; the amplitude bit of 16-QAM is 0 for the inner level.
The bits b0 b1 (b2 b3) of symbol i are (I sign, Q sign, I amplitude, Q amplitude), hence the coded bit
j = 2·bits_per_use·i + r sits on use 2i + (r mod 2) at label position r // 2 (`bit_use`, `bit_position`).

BPSK here is one bit on one real use, at the levels of QPSK. A symbol is then one use instead of two, so codewords may
have any length, odd ones too: coded bit j sits on use j. On a complex channel two such symbols share a complex one.

Levels have unit *average* power per real use: a BPSK or QPSK codeword has ||z||² = N exactly, a 16-QAM codeword only
on average over its bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch

ModulationName = Literal["bpsk", "qpsk", "16qam"]


@dataclass(frozen=True, eq=False)
class Modulation:
    """A Gray PAM per real channel use.

    `symbol_uses`: real uses of a symbol, 2 for I and Q, 1 for BPSK; only whole symbols are sent.
    `levels` float32 (n_levels,), unit average power; `labels` uint8 (n_levels, bits_per_use), the bits of
    each level, sign bit first. Level number = label read as a binary number, sign bit most significant.
    """

    name: ModulationName
    symbol_uses: int
    bits_per_use: int
    levels: npt.NDArray[np.float32]
    labels: npt.NDArray[np.uint8]

    def __post_init__(self) -> None:
        self.levels.setflags(write=False)  # shared by every caller
        self.labels.setflags(write=False)

    @property
    def symbol_bits(self) -> int:
        """Coded bits of a symbol."""
        return self.symbol_uses * self.bits_per_use

    def uses(self, bits: int) -> int:
        """Real channel uses N of a codeword of `bits` coded bits, which fill whole symbols; else ValueError."""
        if bits <= 0 or bits % self.symbol_bits:
            raise ValueError(
                f"{bits} coded bits do not fill whole {self.name} symbols: choose a multiple of {self.symbol_bits}"
            )
        return bits // self.bits_per_use

    def bit_use(self, bits: int) -> npt.NDArray[np.int64]:
        """Real channel use that carries each of `bits` coded bits, int64 (bits,)."""
        self.uses(bits)
        index = np.arange(bits, dtype=np.int64)
        return self.symbol_uses * (index // self.symbol_bits) + index % self.symbol_uses

    def bit_position(self, bits: int) -> npt.NDArray[np.int64]:
        """Label position of each of `bits` coded bits, int64 (bits,): 0 = sign, 1 = amplitude."""
        self.uses(bits)
        return np.arange(bits, dtype=np.int64) % self.symbol_bits // self.symbol_uses


_MODULATIONS: dict[str, Modulation] = {
    m.name: m
    for m in (
        Modulation("bpsk", 1, 1, np.array([1, -1], np.float32), np.array([[0], [1]], np.uint8)),
        Modulation("qpsk", 2, 1, np.array([1, -1], np.float32), np.array([[0], [1]], np.uint8)),
        Modulation(
            "16qam",
            2,
            2,
            (np.array([1, 3, -1, -3]) / np.sqrt(5.0)).astype(np.float32),
            np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.uint8),
        ),
    )
}


def modulation(name: str) -> Modulation:
    """Return the modulation called `name`, one of `ModulationName`."""
    try:
        return _MODULATIONS[name]
    except KeyError:
        raise ValueError(f"unknown modulation {name!r}: choose one of {', '.join(_MODULATIONS)}") from None


def _bits_to_labels(values: torch.Tensor, mod: Modulation) -> torch.Tensor:
    """Regroup (batch, n) values per coded bit into (batch, N, bits_per_use) values per use and position."""
    batch, bits = values.shape
    uses = mod.uses(bits)
    # within a symbol the bits run over (position, I/Q); uses run over I/Q first
    grouped = values.reshape(batch, uses // mod.symbol_uses, mod.bits_per_use, mod.symbol_uses).transpose(2, 3)
    return grouped.reshape(batch, uses, mod.bits_per_use)


def _labels_to_bits(values: torch.Tensor, mod: Modulation) -> torch.Tensor:
    """Inverse of `_bits_to_labels`: (batch, N, bits_per_use) to (batch, N·bits_per_use)."""
    batch, uses, _ = values.shape
    grouped = values.reshape(batch, uses // mod.symbol_uses, mod.symbol_uses, mod.bits_per_use)
    return grouped.transpose(2, 3).reshape(batch, uses * mod.bits_per_use)


def map_bits(bits: torch.Tensor, mod: Modulation) -> torch.Tensor:
    """Map coded bits (batch, n = N·bits_per_use), 0 and 1 of any dtype, to real uses (batch, N) float32."""
    label = _bits_to_labels(bits.long(), mod)
    index = label[..., 0]
    for position in range(1, mod.bits_per_use):
        index = 2 * index + label[..., position]
    return torch.tensor(mod.levels, device=bits.device)[index]


def boundaries(noise_variance: float, mod: Modulation) -> npt.NDArray[np.float64]:
    """Where hard decisions between neighbouring levels change, rising, (n_levels - 1,).

    Noise moves them: the sign of an exact LLR changes half way between two levels only as the noise vanishes.
    """
    order = np.argsort(mod.levels)
    low, high = mod.levels[order][:-1].astype(np.float64), mod.levels[order][1:].astype(np.float64)
    positions = (mod.labels[order][:-1] != mod.labels[order][1:]).argmax(axis=1)  # Gray: one bit differs
    towards = np.where(mod.labels[order][1:][np.arange(len(low)), positions] == 1, -1.0, 1.0)
    reach = 10.0 * (1.0 + noise_variance)  # far noise moves the outer ones to about σ
    low, high = (
        np.where(low > 0, 0.0, np.where(high < 0, -reach, low)),
        np.where(high < 0, 0.0, np.where(low > 0, reach, high)),
    )
    for _ in range(60):
        middle = (low + high) / 2
        values = llr(torch.from_numpy(np.repeat(middle[:, None], mod.symbol_uses, axis=1)), noise_variance, mod)
        above = towards * _bits_to_labels(values, mod)[:, 0].numpy()[np.arange(len(low)), positions] > 0
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return (low + high) / 2


def llr(received: torch.Tensor, noise_variance: float | torch.Tensor, mod: Modulation) -> torch.Tensor:
    """Exact bit LLRs, log p(y | bit = 0) / p(y | bit = 1), of equiprobable bits; positive means bit 0.

    LLR_p = log Σ_{a: bit p of a is 0} exp(-(y-a)²/2σ²) - log Σ_{a: bit p of a is 1} exp(-(y-a)²/2σ²).

    `received` (batch, N) real uses y, float; `noise_variance` σ² per *real* use, a number or a tensor that
    broadcasts to (batch, N). Returns float32 (batch, N·bits_per_use), differentiable in `received`.
    """
    if received.shape[1] % mod.symbol_uses:
        raise ValueError(f"{received.shape[1]} real uses do not make whole complex symbols, as {mod.name} needs them")
    if isinstance(noise_variance, (int, float)):
        if not noise_variance > 0:
            raise ValueError(f"noise variance {noise_variance} must be positive")
    else:
        noise_variance = noise_variance.unsqueeze(-1)
    y = received.float().unsqueeze(-1)
    levels = torch.tensor(mod.levels, device=received.device)
    # y² is common to all levels: leaving it out is exact and keeps float32 precision far from the levels
    metric = (y * levels - levels.square() / 2) / noise_variance
    ratios = []
    for position in range(mod.bits_per_use):
        zero = torch.from_numpy(np.flatnonzero(mod.labels[:, position] == 0)).to(received.device)
        one = torch.from_numpy(np.flatnonzero(mod.labels[:, position] == 1)).to(received.device)
        ratios.append(metric[..., zero].logsumexp(-1) - metric[..., one].logsumexp(-1))
    return _labels_to_bits(torch.stack(ratios, dim=-1), mod)
