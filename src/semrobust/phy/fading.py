"""Block fading with one or several antennas at each end: y = Hx + n (hu2022, eq. 2), differentiable in x.

A *slot* is one use of all antennas: transmit antenna a sends complex symbol N_t·t + a of the codeword in slot t
(spatial multiplexing), symbol i being real uses 2i and 2i+1 (`power.as_complex`). N real uses take N/(2N_t) slots. Over
a *block* of consecutive slots H stands still; block b of an image carries the real uses [b·N/blocks, (b+1)·N/blocks).

Power. Symbols are sent as they are: an image costs ||z||² = N for any number of antennas, each of which sends 1/N_t of
it. As a slot then carries the power of N_t symbols at once, the noise is set against that sum: SNR = transmit power of
all antennas over noise power of one receive antenna, within a slot (Telatar 1999; Tse and Viswanath 2005, §7.1).
Per real dimension of a receive antenna the noise variance is N_t·10^(-snr_db/10) (`antenna_noise_variance`), which for
one antenna is `power.noise_variance`. Entries of H have E|h|² = 1 in every kind, so the SNR is also the mean one
received on each antenna.

Kinds, with L a fixed line-of-sight matrix and the entries of W independent CN(0, 1):

    H = sqrt(K/(K+1)) L + sqrt(1/(K+1)) W,    K = 0 for "rayleigh", ∞ for "awgn", 10^(k_factor_db/10) for "rician".

L is "orthogonal" unless set otherwise: corner of a Fourier matrix, entries of modulus 1, columns orthogonal, as of
antennas far enough apart for the distance (Driessen and Foschini 1999). Then L^H L = N_r I: equal numbers of antennas
without fading give each real use the SNR of one AWGN channel, and K alone moves the channel between AWGN and Rayleigh.
With "rank_one", all ones, a plane wave that meets both arrays broadside (Tse and Viswanath 2005, §7.2.3), a large K
leaves one path for N_t symbols. For 1×1 both are h = 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from semrobust.phy.power import as_complex, as_real, noise_variance

KINDS = ("awgn", "rayleigh", "rician")
LINES_OF_SIGHT = ("orthogonal", "rank_one")


@dataclass(frozen=True)
class Fading:
    """The law of a block-fading channel and of what the receiver knows about it.

    `kind` is one of `KINDS`; `k_factor_db` counts for "rician" only, ±inf allowed. `transmit` = N_t and `receive` = N_r
    ≥ N_t antennas. `csi_error` is σ_e², the variance of the complex error on each entry of the receiver's estimate
    H + E, E ~ CN(0, σ_e²) independent of H, once per block; 0 is perfect knowledge. `line_of_sight` is one of
    `LINES_OF_SIGHT`; "awgn" has the orthogonal one always.

    Raises ValueError for settings out of range.
    """

    kind: str
    k_factor_db: float = 6.0
    transmit: int = 1
    receive: int = 1
    csi_error: float = 0.0
    line_of_sight: str = "orthogonal"

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown fading {self.kind!r}: choose one of {', '.join(KINDS)}")
        if math.isnan(self.k_factor_db):
            raise ValueError("the Rician factor k_factor_db is not a number: give it in dB, -inf to inf")
        if self.transmit < 1:
            raise ValueError(f"{self.transmit} transmit antennas: choose at least 1")
        if self.receive < self.transmit:
            raise ValueError(
                f"{self.receive} receive antennas cannot part {self.transmit} symbols sent at once: "
                f"choose at least {self.transmit}, or fewer transmit antennas"
            )
        if not 0 <= self.csi_error < math.inf:
            raise ValueError(f"variance {self.csi_error} of the channel estimate's error must be 0 or more, and finite")
        if self.line_of_sight not in LINES_OF_SIGHT:
            raise ValueError(f"unknown line of sight {self.line_of_sight!r}: choose one of {', '.join(LINES_OF_SIGHT)}")

    @property
    def line_of_sight_power(self) -> float:
        """K/(K+1), share of the power that arrives on the line of sight: 0 for "rayleigh", 1 for "awgn"."""
        if self.kind != "rician":
            return float(self.kind == "awgn")
        return 0.5 + 0.5 * math.tanh(self.k_factor_db * math.log(10) / 20)  # no overflow, exact at ±inf

    def line_of_sight_matrix(self) -> npt.NDArray[np.complex128]:
        """L, complex128 (N_r, N_t), entries of modulus 1."""
        if self.line_of_sight == "rank_one" and self.kind != "awgn":
            return np.ones((self.receive, self.transmit), dtype=np.complex128)
        turns = np.outer(np.arange(self.receive), np.arange(self.transmit)) / self.receive
        return np.asarray(np.exp(-2j * np.pi * turns), dtype=np.complex128)

    def draws(self, blocks: int) -> int:
        """Standard normal numbers that the fades of one image take, and its estimation errors as many again."""
        if blocks < 1:
            raise ValueError(f"{blocks} blocks per image: choose at least 1")
        return 2 * blocks * self.receive * self.transmit

    def received_uses(self, uses: int) -> int:
        """Real numbers received for a codeword of `uses` real uses, N·N_r/N_t: width of the noise and of attacks."""
        _slots(uses, 1, self.transmit)
        return uses // self.transmit * self.receive

    def assumed_noise_variance(self, snr_db: float) -> float:
        """Noise variance per real dimension and receive antenna that a receiver with this estimate should count with.

        y = (H + E)x - Ex + n: the error of the estimate, times symbols of unit power per real use, adds N_t·σ_e². This
        holds to first order in σ_e², as a receiver that has seen H + E could guess part of E. With perfect knowledge
        it is `antenna_noise_variance`.
        """
        return antenna_noise_variance(snr_db, self.transmit) + self.transmit * self.csi_error


@dataclass(frozen=True, eq=False)
class Fades:
    """Channel matrices of a batch, both complex (batch, blocks, N_r, N_t).

    `true`: H, what the signal meets. `known`: the receiver's estimate of it; the same values with perfect knowledge.
    """

    true: torch.Tensor
    known: torch.Tensor


def antenna_noise_variance(snr_db: float, transmit: int) -> float:
    """Noise variance per real dimension of one receive antenna, N_t·10^(-snr_db/10); see the head of this file."""
    return transmit * noise_variance(snr_db)


def fades_from_normals(fading: Fading, normals: torch.Tensor, error_normals: torch.Tensor) -> Fades:
    """Fades and their estimates from standard normal numbers, each (batch, `fading.draws(blocks)`).

    float32 makes complex64, float64 complex128; on the device of `normals`. Numbers 2k and 2k+1 of a row are the real
    and the imaginary part of an entry; entries run over blocks, receive antennas, transmit antennas. "awgn" takes
    numbers too and multiplies them by 0, so that all kinds are called, and pair their fades, in the same way.

    Raises ValueError for rows that do not fill blocks.
    """
    direct = fading.line_of_sight_power
    fixed = torch.as_tensor(fading.line_of_sight_matrix(), device=normals.device)
    scattered = _standard_complex(fading, normals)
    true = math.sqrt(direct) * fixed.to(scattered.dtype) + math.sqrt(1 - direct) * scattered
    return Fades(true, true + math.sqrt(fading.csi_error) * _standard_complex(fading, error_normals))


def antenna_symbols(codewords: torch.Tensor, blocks: int, transmit: int) -> torch.Tensor:
    """What each antenna sends: codewords (batch, N) real as complex (batch, blocks, slots per block, N_t).

    Raises ValueError when N real uses do not fill whole slots and equal blocks.
    """
    slots = _slots(codewords.shape[1], blocks, transmit)
    return as_complex(codewords).reshape(codewords.shape[0], blocks, slots, transmit)


def faded(codewords: torch.Tensor, fades: torch.Tensor) -> torch.Tensor:
    """Hx of codewords (batch, N): real (batch, N·N_r/N_t), running over slots, receive antennas, I and Q.

    `fades` complex (batch or 1, blocks, N_r, N_t), complex64 for float32 codewords and complex128 for float64. Linear
    and differentiable in both. Raises ValueError as `antenna_symbols`.
    """
    sent = antenna_symbols(codewords, fades.shape[1], fades.shape[3])
    return as_real(sent @ fades.mT)


def transmit(codewords: torch.Tensor, fades: torch.Tensor, snr_db: float, standard_noise: torch.Tensor) -> torch.Tensor:
    """y = Hx + n: as `faded`, plus noise of variance `antenna_noise_variance` on each real dimension.

    `standard_noise` is standard normal, (batch, N·N_r/N_t), drawn by the caller (`channel.channel_noise` for
    evaluation). An attack s on the received vector has the same shape and is added to the result.
    """
    return faded(codewords, fades) + math.sqrt(antenna_noise_variance(snr_db, fades.shape[3])) * standard_noise


def _slots(uses: int, blocks: int, transmit: int) -> int:
    """Slots of a block."""
    whole = 2 * transmit * blocks
    if uses <= 0 or uses % whole:
        raise ValueError(
            f"{uses} real uses do not fill {blocks} equal blocks of slots with {transmit} complex symbols: "
            f"choose a multiple of {whole}"
        )
    return uses // whole


def _standard_complex(fading: Fading, normals: torch.Tensor) -> torch.Tensor:
    """CN(0, 1) entries (batch, blocks, N_r, N_t) from standard normal rows."""
    if normals.ndim != 2 or normals.shape[1] == 0 or normals.shape[1] % fading.draws(1):
        raise ValueError(
            f"normal numbers of shape {tuple(normals.shape)} do not make {fading.receive}×{fading.transmit} matrices: "
            f"give (batch, blocks·{fading.draws(1)})"
        )
    batch, width = normals.shape
    pairs = normals.reshape(batch, width // fading.draws(1), fading.receive, fading.transmit, 2)
    return torch.view_as_complex(pairs / math.sqrt(2))
