"""Indices of a codebook over the air: bits, LDPC or none, QAM, and back (hu2022, Section III-B2).

    indices (B, V) -> bits, scrambled -> (LDPC ->) QAM -> air -> LLR -> (belief propagation ->) bits -> indices (B, V)

Bits are scrambled with a fixed sequence that both ends know, as in `codecs.framing`: frequent indices would else favour
some constellation levels, and the mean power per use would not be 1. The receiver takes the bits as they come: it has
no checksum, and no way to ask again.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import cached_property
from typing import Annotated, Literal

import torch
from pydantic import Field

from semrobust.config.settings import Settings
from semrobust.phy import mapping
from semrobust.phy.air import Air, Normals
from semrobust.phy.decoder import Decoder
from semrobust.phy.ldpc import LdpcCode
from semrobust.pipeline import seeds
from semrobust.systems.base import Decoded, grey_images
from semrobust.systems.chain import MinSumSettings, SumProductSettings
from semrobust.systems.codes import NRCodeSettings, RegularCodeSettings

DecoderSettings = Annotated[SumProductSettings | MinSumSettings, Field(discriminator="rule")]
FreeCodeSettings = Annotated[RegularCodeSettings | NRCodeSettings, Field(discriminator="family")]
"""Codes that exist at any length."""


class UncodedSettings(Settings):
    """Index bits straight onto the constellation."""

    kind: Literal["uncoded"]
    modulation: mapping.ModulationName


class CodedSettings(Settings):
    """Index bits protected by one LDPC codeword per image."""

    kind: Literal["coded"]
    modulation: mapping.ModulationName
    code: FreeCodeSettings
    decoder: DecoderSettings

    def problems(self, message: int) -> list[str]:
        """Return "key: value, what is allowed" for what cannot carry `message` bits."""
        code = self.code
        rateless = isinstance(code, RegularCodeSettings) and code.column_weight >= code.row_weight
        length = 0 if rateless else code_length(code, message, self.modulation)
        return [f"code.{problem}" for problem in code.problems(length)]


def code_length(code: RegularCodeSettings | NRCodeSettings, message: int, modulation: str) -> int:
    """The least number of coded bits that carry `message` bits and fill whole complex symbols."""
    step = 2 * mapping.modulation(modulation).bits_per_use
    if isinstance(code, NRCodeSettings):
        rate = Fraction(code.rate)
    else:  # the rank of H is at most its number of rows, so there are never fewer message bits than this
        rate, step = 1 - Fraction(code.column_weight, code.row_weight), math.lcm(step, code.row_weight)
    return math.ceil(message / rate / step) * step


class IndexTransport:
    """Carries `count` indices of `bits` bits each per image.

    Attributes:
        information_bits: bits of the indices, count · bits.
        uses: real channel uses N per image.
        code: the LDPC code, None if uncoded.
    """

    def __init__(self, settings: UncodedSettings | CodedSettings, count: int, bits: int) -> None:
        self.settings, self.count, self.bits = settings, count, bits
        self.modulation = mapping.modulation(settings.modulation)
        self.information_bits = count * bits
        self.code: LdpcCode | None = None
        if isinstance(settings, CodedSettings):
            self.use_code(settings.code.make(code_length(settings.code, self.information_bits, settings.modulation)))

    def use_code(self, code: LdpcCode) -> None:
        """Carry the bits by this code; ValueError if it has not enough message bits, or uncoded is asked for."""
        if not isinstance(self.settings, CodedSettings):
            raise ValueError("uncoded indices take no code")
        if code.k < self.information_bits:
            raise ValueError(f"a code with {code.k} message bits cannot carry {self.information_bits}")
        self.code = code
        self.decoder = Decoder(code, **self.settings.decoder.model_dump())

    @property
    def message_bits(self) -> int:
        """Bits that are mapped or encoded: those of the indices, and zeros up to whole symbols or the code's k."""
        step = 2 * self.modulation.bits_per_use
        return self.code.k if self.code else -(-self.information_bits // step) * step

    @property
    def uses(self) -> int:
        return self.modulation.uses(self.code.n if self.code else self.message_bits)

    blocks, retry = 1, None
    """As `systems.base.SoftBits` says of coded indices: one word, and no checksum that could fail."""

    def needed(self, message: torch.Tensor) -> torch.Tensor:
        """Which bits of messages (B, k) are those of indices, bool."""
        return (torch.arange(message.shape[1]) < self.information_bits).expand(message.shape)

    def llr(self, received: torch.Tensor, noise_variance: float | torch.Tensor) -> torch.Tensor:
        """LLRs (B, n) of the bits that were mapped."""
        return mapping.llr(received, noise_variance, self.modulation)

    def decode(self, received: torch.Tensor, noise_variance: float | torch.Tensor) -> Decoded:
        """The message; there is no image to reconstruct, so grey ones stand for it."""
        message = self.decoder.decode(self.llr(received, noise_variance)).bits
        return Decoded(grey_images(len(received)), torch.zeros(len(received), dtype=torch.bool), message)

    @cached_property
    def _scrambling(self) -> torch.Tensor:
        """Fixed sequence of 0 and 1, uint8 (message_bits,)."""
        stream = seeds.generator(0, "index scrambling")
        return torch.from_numpy(stream.integers(0, 2, size=self.message_bits, dtype="uint8"))

    @property
    def _weights(self) -> torch.Tensor:
        """Value of each bit of an index, most significant first, int64 (bits,)."""
        return 2 ** torch.arange(self.bits - 1, -1, -1)

    def message(self, indices: torch.Tensor) -> torch.Tensor:
        """Scrambled bits (B, message_bits) uint8 of indices (B, V) int64, behind them what fills up."""
        message = torch.zeros(len(indices), self.message_bits, dtype=torch.uint8)
        message[:, : self.information_bits] = self.spelled(indices).flatten(1)
        return message ^ self._scrambling

    def coded(self, message: torch.Tensor) -> torch.Tensor:
        """Bits (B, n) uint8 that are mapped, of a message (B, message_bits)."""
        return message if self.code is None else self.code.encode(message)

    def codewords(self, indices: torch.Tensor) -> torch.Tensor:
        """What the antennas send for indices (B, V) int64: real uses (B, N) float32 of unit mean power."""
        return mapping.map_bits(self.coded(self.message(indices)), self.modulation)

    def carry(self, indices: torch.Tensor, air: Air, draw: Normals) -> torch.Tensor:
        """Indices (B, V) int64 that the receiver reads, 0 to 2^bits - 1; no gradients."""
        with torch.no_grad():
            arrived = air.receive(self.codewords(indices), draw)
            return self.read(arrived.symbols, arrived.variance)

    def read(self, received: torch.Tensor, noise_variance: float | torch.Tensor) -> torch.Tensor:
        """Indices (B, V) int64 that the receiver reads from real uses (B, N), 0 to 2^bits - 1; no gradients."""
        with torch.no_grad():
            llr = self.llr(received, noise_variance)
            hard = (llr < 0).to(torch.uint8) if self.code is None else self.decoder.decode(llr).bits
            message = (hard ^ self._scrambling)[:, : self.information_bits]
            return (message.reshape(len(received), self.count, self.bits) * self._weights).sum(-1)

    def likely(self, received: torch.Tensor, noise_variance: float, choices: int) -> torch.Tensor:
        """Probabilities (B, V, choices) of indices at received uses (B, N), if uncoded; differentiable.

        Bits count as independent, as they are for Gray labels but for the two of one use.
        """
        llr = self.llr(received, noise_variance) * (1.0 - 2.0 * self._scrambling)
        of_bits = llr[:, : self.information_bits].reshape(len(received), self.count, self.bits)
        ones = self.spelled(torch.arange(choices)).float()
        zero, one = (torch.nn.functional.logsigmoid(sign * of_bits) for sign in (1.0, -1.0))
        return torch.softmax(zero @ (1 - ones).T + one @ ones.T, dim=-1)

    def spelled(self, indices: torch.Tensor) -> torch.Tensor:
        """Bits (..., bits) uint8 of indices (...) int64, most significant first, before they are scrambled."""
        return ((indices.unsqueeze(-1) & self._weights) != 0).to(torch.uint8)
