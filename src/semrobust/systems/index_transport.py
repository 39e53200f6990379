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

    @cached_property
    def _scrambling(self) -> torch.Tensor:
        """Fixed sequence of 0 and 1, uint8 (message_bits,)."""
        stream = seeds.generator(0, "index scrambling")
        return torch.from_numpy(stream.integers(0, 2, size=self.message_bits, dtype="uint8"))

    @property
    def _weights(self) -> torch.Tensor:
        """Value of each bit of an index, most significant first, int64 (bits,)."""
        return 2 ** torch.arange(self.bits - 1, -1, -1)

    def codewords(self, indices: torch.Tensor) -> torch.Tensor:
        """What the antennas send for indices (B, V) int64: real uses (B, N) float32 of unit mean power."""
        message = torch.zeros(len(indices), self.message_bits, dtype=torch.uint8)
        bits = (indices.unsqueeze(-1) & self._weights) != 0
        message[:, : self.information_bits] = bits.flatten(1)
        message ^= self._scrambling
        return mapping.map_bits(message if self.code is None else self.code.encode(message), self.modulation)

    def carry(self, indices: torch.Tensor, air: Air, draw: Normals) -> torch.Tensor:
        """Indices (B, V) int64 that the receiver reads, 0 to 2^bits - 1; no gradients."""
        with torch.no_grad():
            arrived = air.receive(self.codewords(indices), draw)
            llr = mapping.llr(arrived.symbols, arrived.variance, self.modulation)
            hard = (llr < 0).to(torch.uint8) if self.code is None else self.decoder.decode(llr).bits
            message = (hard ^ self._scrambling)[:, : self.information_bits]
            return (message.reshape(len(indices), self.count, self.bits) * self._weights).sum(-1)
