"""Separation-based baselines, whatever they send: sample -> frame -> LDPC -> BPSK, QPSK or 16-QAM, sample by sample.

encode: sample -> source bytes within blocks·k bits -> frame -> LDPC per block (blocks·n,) -> N channel uses
decode: received (N,) -> LLR (blocks·n,) -> belief propagation per block -> frame -> CRC -> sample, or nothing
        (with a `retry`: where the CRC fails, once more by ordered statistics -> frame -> CRC -> sample, or nothing)

The N uses carry `blocks` codewords of one code, one after the other: block b lies on the uses [b·N/blocks,
(b+1)·N/blocks). One frame runs through the message bits of all blocks, so a lost block loses the sample.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

import numpy as np
import torch
from pydantic import Field, SerializerFunctionWrapHandler, model_serializer
from typing_extensions import TypeVar

from semrobust.codecs.base import Best
from semrobust.codecs.framing import Frames
from semrobust.config.settings import LinkSettings, Plain, Positive, Settings, SystemSettings
from semrobust.errors import UsageError
from semrobust.phy import mapping
from semrobust.phy.decoder import Decoder
from semrobust.phy.ldpc import LdpcCode
from semrobust.phy.retry import OrderedStatistics
from semrobust.systems.base import Decoded, Sent, SoftBits, System
from semrobust.systems.codes import CodeSettings


class DecoderSettings(Settings):
    """What both rules share. `schedule` stands in no key unless it is another one than the decoder's own."""

    iterations: Positive
    schedule: Literal["layered", "flooding"] = "layered"

    @model_serializer(mode="wrap")
    def _unless_it_is_the_default(self, plain: SerializerFunctionWrapHandler) -> Plain:
        return {key: value for key, value in plain(self).items() if (key, value) != ("schedule", "layered")}


class SumProductSettings(DecoderSettings):
    """Sum-product decoding, the exact rule of belief propagation."""

    rule: Literal["sum-product"]


class MinSumSettings(DecoderSettings):
    """Normalized min-sum decoding; `factor` scales down the messages that the minimum overstates."""

    rule: Literal["min-sum"]
    factor: Annotated[float, Field(gt=0, le=1)]


class ChainSettings(SystemSettings):
    """Settings of a separation-based baseline; every kind derives its own.

    `retry`: what the receiver tries where a checksum fails (`phy.retry`), None = nothing.
    """

    modulation: mapping.ModulationName
    code: CodeSettings
    blocks: Positive
    decoder: Annotated[SumProductSettings | MinSumSettings, Field(discriminator="rule")]
    retry: Literal["ordered-statistics"] | None = Field(default=None, exclude_if=lambda retry: retry is None)

    def block_bits(self, real_uses: int) -> int:
        """Coded bits n of one block of N = `real_uses` channel uses."""
        return real_uses * mapping.modulation(self.modulation).bits_per_use // self.blocks

    def code_identity(self, link: LinkSettings) -> Plain:
        return {"code": self.code.model_dump(), "n": self.block_bits(link.real_uses)}

    def decoder_identity(self, link: LinkSettings) -> Plain:
        return {**self.code_identity(link), "decoder": self.decoder.model_dump()}

    def problems(self, link: LinkSettings) -> list[str]:
        """Each block must fill whole symbols, and the code must exist at the length that this gives."""
        symbols = link.real_uses // mapping.modulation(self.modulation).symbol_uses
        if symbols % self.blocks:
            return [f"blocks: {self.blocks}, must split the {symbols} symbols of an image evenly"]
        n = self.block_bits(link.real_uses)
        problems = [f"code.{problem}" for problem in self.code.problems(n)]
        if not problems:
            framing = self.framing(self.blocks * self.code.message_bits(n))
            if framing.bits < framing.least:
                problems = [f"code: leaves {framing.bits} message bits, must leave {framing.least} for an empty frame"]
        return problems

    def framing(self, bits: int) -> Frames:
        """How what the source codec gives fills the message bits of a sample."""
        raise NotImplementedError


C = TypeVar("C", bound=ChainSettings, default=Any)


class Chain(System[C]):
    """Source coding and LDPC channel coding at a fixed bit budget.

    Attributes:
        code: the LDPC code of one block, n coded and k message bits.
        decoder: the decoder of one block.
        retry: what follows it where the checksum of the frame fails, if anything.
        blocks: codewords per sample.
        framing: frame format of the blocks·k message bits.
    """

    side = "classical"
    capabilities = frozenset({"soft_bits"})

    def __init__(self, settings: C, real_uses: int, code: LdpcCode) -> None:
        super().__init__(settings, real_uses)
        self.code = code
        self.blocks = settings.blocks
        self.decoder = Decoder(code, **settings.decoder.model_dump())
        self.retry = None if settings.retry is None else OrderedStatistics(code)
        self.framing = settings.framing(self.blocks * code.k)

    @classmethod
    def create(cls, settings: C, real_uses: int, seed: int) -> Self:
        return cls(settings, real_uses, settings.code.make(settings.block_bits(real_uses)))

    def soft_bits(self) -> SoftBits:
        return self

    @property
    def modulation(self) -> mapping.Modulation:
        return mapping.modulation(self.settings.modulation)

    @property
    def shape(self) -> tuple[int, int, int]:
        """That of the samples which both ends know."""
        raise NotImplementedError

    def compressed(self, images: torch.Tensor) -> list[Best]:
        """The best (quality, bytes) of each sample within the budget, None where none fits."""
        raise NotImplementedError

    def expanded(self, contents: Mapping[int, tuple[bytes, int]]) -> tuple[list[int], torch.Tensor]:
        """Rows, and the samples (b,C,H,W) of their contents; rows whose content is no sample are left out."""
        raise NotImplementedError

    def lost(self, count: int) -> torch.Tensor:
        """The reconstructions of samples whose frames are damaged, (count,C,H,W)."""
        raise NotImplementedError

    def budget(self) -> dict[str, int | None]:
        return {
            "coded_bits": self.blocks * self.code.n,
            "information_bits": self.blocks * self.code.k,
            "payload_bytes": self.framing.capacity,
        }

    def encode(self, images: torch.Tensor) -> Sent:
        """Encode samples (B,C,H,W); one that does not fit the budget is sent as an empty frame and marked infeasible.

        Raises UsageError for samples of another size than the receiver knows.
        """
        if images.shape[1:] != self.shape:
            raise UsageError(
                f"images of shape {tuple(images.shape)}: both ends of {self.name or 'the baseline'} know images of "
                f"{self.shape}; a baseline for others has another `size` (semrobust.chain)"
            )
        fits = self.compressed(images)
        frames = np.stack([self.framing.pack(b"" if fit is None else fit[1], fit[0] if fit else 0) for fit in fits])
        message = torch.from_numpy(frames)
        bits = self.code.encode(message.reshape(-1, self.code.k)).reshape(len(images), -1)
        feasible = torch.tensor([fit is not None for fit in fits])
        return Sent(mapping.map_bits(bits, self.modulation), feasible, message, bits)

    def needed(self, message: torch.Tensor) -> torch.Tensor:
        """The bits of the frame up to its checksum; what is left of the last block is padding."""
        return torch.from_numpy(self.framing.needed(message.numpy()))

    def llr(self, received: torch.Tensor, noise_variance: float | torch.Tensor) -> torch.Tensor:
        return mapping.llr(received, noise_variance, self.modulation)

    def decode(self, received: torch.Tensor, noise_variance: float | torch.Tensor) -> Decoded:
        """Decode; where checksum or content are wrong the receiver gives what is `lost` and says `failed`.

        With a `retry`, all blocks of a frame whose length or checksum is wrong are decoded once more first.
        """
        words = self.llr(received, noise_variance).reshape(-1, self.code.n)
        decoded = self.decoder.decode(words)
        message = decoded.bits.reshape(len(received), -1)
        contents = self.framing.unpack_batch(message.numpy())
        lost = [row for row in range(len(message)) if row not in contents]
        if self.retry is not None and lost:
            blocks = torch.arange(len(words)).reshape(len(message), -1)[lost].flatten()
            message[lost] = self.retry.decode(words[blocks], decoded.take(blocks)).reshape(len(lost), -1)
            found = self.framing.unpack_batch(message[lost].numpy())
            contents |= {lost[row]: content for row, content in found.items()}
        images = self.lost(len(message))
        failed = torch.ones(len(message), dtype=torch.bool)
        rows, samples = self.expanded(contents)
        if rows:
            images[torch.tensor(rows)] = samples
            failed[torch.tensor(rows)] = False
        return Decoded(images, failed, message)
