"""The classical chain, whatever its source codec: image -> frame -> LDPC -> BPSK, QPSK or 16-QAM, each image alone.

encode: pixels -> best source bytes within blocks·k bits -> frame -> LDPC per block (blocks·n,) -> N channel uses
decode: received (N,) -> LLR (blocks·n,) -> belief propagation per block -> frame -> CRC -> image, or mid-grey
        (with a `retry`: where the CRC fails, once more by ordered statistics -> frame -> CRC -> image, or mid-grey)

The N uses carry `blocks` codewords of one code, one after the other: block b lies on the uses [b·N/blocks,
(b+1)·N/blocks). One frame runs through the message bits of all blocks, so a lost block loses the image.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
import torch
from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from semrobust.codecs.base import SIZE, Best, Codec, Size, Stream, Subsampling
from semrobust.codecs.framing import Framing
from semrobust.codecs.stored import StoredCodec
from semrobust.config.settings import QUANTIZER, LinkSettings, Plain, Positive, Settings, SystemSettings
from semrobust.errors import UsageError
from semrobust.models.soft_codec import expected_codec
from semrobust.phy import mapping
from semrobust.phy.decoder import Decoder
from semrobust.phy.ldpc import LdpcCode
from semrobust.phy.retry import OrderedStatistics
from semrobust.systems.base import Decoded, Sent, SoftBits, State, System, grey_images
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


class ClassicalSettings(SystemSettings):
    """Settings of a classical chain; every source codec derives its own, with its `kind`.

    `retry`: what the receiver tries where a checksum fails (`phy.retry`), None = nothing.
    """

    stream: Stream
    subsampling: Subsampling
    modulation: mapping.ModulationName
    code: CodeSettings
    blocks: Positive
    decoder: Annotated[SumProductSettings | MinSumSettings, Field(discriminator="rule")]
    retry: Literal["ordered-statistics"] | None = Field(default=None, exclude_if=lambda retry: retry is None)

    @property
    def parts(self) -> frozenset[str]:
        return super().parts | {QUANTIZER}

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

    def framing(self, bits: int) -> Framing:
        """How an image's source bytes fill its message bits."""
        return Framing(bits, with_quality=self.stream == "payload")


class ClassicalSystem(System[ClassicalSettings]):
    """Source coding and LDPC channel coding at a fixed bit budget.

    Attributes:
        codec: the source codec; both ends know the size of the images (`Codec.size`).
        code: the LDPC code of one block, n coded and k message bits.
        decoder: the decoder of one block.
        retry: what follows it where the checksum of the frame fails, if anything.
        blocks: codewords per image.
        framing: frame format of the blocks·k message bits.
    """

    side = "classical"
    capabilities = frozenset({"soft_bits"})
    codec_name: ClassVar[str]

    def __init__(self, settings: ClassicalSettings, real_uses: int, code: LdpcCode, size: Size = SIZE) -> None:
        super().__init__(settings, real_uses)
        self.codec: Codec = self.make_codec(settings, size)
        self.code = code
        self.blocks = settings.blocks
        self.decoder = Decoder(code, **settings.decoder.model_dump())
        self.retry = None if settings.retry is None else OrderedStatistics(code)
        self.framing = settings.framing(self.blocks * code.k)
        self._last: tuple[bytes, list[Best]] | None = None  # who differentiates asks for a batch twice

    @classmethod
    def make_codec(cls, settings: ClassicalSettings, size: Size) -> Codec:
        """The source codec of this kind of chain, for images of one size."""
        raise NotImplementedError

    @classmethod
    def create(cls, settings: ClassicalSettings, real_uses: int, seed: int) -> Self:
        return cls(settings, real_uses, settings.code.make(settings.block_bits(real_uses)))

    @classmethod
    def restore(cls, settings: ClassicalSettings, real_uses: int, state: State) -> Self:
        code = LdpcCode.from_arrays({name: tensor.numpy() for name, tensor in state.items()})
        return cls(settings, real_uses, code)

    def state(self) -> State:
        return {name: torch.from_numpy(array) for name, array in self.code.to_arrays().items()}

    def keep_encodes(self, folder: Path) -> None:
        self.codec = StoredCodec(self.codec, folder)

    def soft_bits(self) -> SoftBits:
        return self

    @property
    def modulation(self) -> mapping.Modulation:
        return mapping.modulation(self.settings.modulation)

    def budget(self) -> dict[str, int | None]:
        return {
            "coded_bits": self.blocks * self.code.n,
            "information_bits": self.blocks * self.code.k,
            "payload_bytes": self.framing.capacity,
        }

    def encode(self, images: torch.Tensor) -> Sent:
        """Encode images (B,3,H,W); one that does not fit the budget is sent as an empty frame and marked infeasible.

        Raises UsageError for images of another size than the receiver knows.
        """
        if images.shape[1:] != (3, *self.codec.size):
            raise UsageError(
                f"images of shape {tuple(images.shape)}: both ends of {self.name or 'the chain'} know images of "
                f"{(3, *self.codec.size)}; a chain for others has another `size` (semrobust.chain)"
            )
        fits = self._fits(images)
        frames = np.stack([self.framing.pack(b"" if fit is None else fit[1], fit[0] if fit else 0) for fit in fits])
        message = torch.from_numpy(frames)
        bits = self.code.encode(message.reshape(-1, self.code.k)).reshape(len(images), -1)
        feasible = torch.tensor([fit is not None for fit in fits])
        return Sent(mapping.map_bits(bits, self.modulation), feasible, message, bits)

    def _fits(self, images: torch.Tensor) -> list[Best]:
        pixels = (images * 255.0).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()
        name = hashlib.sha256(pixels.tobytes()).digest()
        if self._last is None or self._last[0] != name:
            self._last = name, self.codec.encode_batch_within(pixels, self.framing.capacity)
        return self._last[1]

    def differentiable(self, images: torch.Tensor, temperature: float | None) -> torch.Tensor:
        """What stands for the codec backward: the identity, or soft assignment at a temperature (`models.soft_codec`).

        Images (B,3,H,W) to the same; only gradients should go through it.
        """
        if temperature is None:
            return images
        halved = self.settings.subsampling == "4:2:0"
        return expected_codec(images, self.steps(images.detach()), halved, temperature)

    def steps(self, images: torch.Tensor) -> torch.Tensor:
        """Quantization steps (B,2,8,8) float64 of the source codec at the quality that each image is sent with."""
        qualities = [0 if fit is None else fit[0] for fit in self._fits(images)]  # what does not fit is not shown
        return torch.from_numpy(np.stack([self.codec.steps(quality) for quality in qualities]))

    def needed(self, message: torch.Tensor) -> torch.Tensor:
        """The bits of the frame up to its checksum; what is left of the last block is padding."""
        return torch.from_numpy(self.framing.needed(message.numpy()))

    def llr(self, received: torch.Tensor, noise_variance: float | torch.Tensor) -> torch.Tensor:
        return mapping.llr(received, noise_variance, self.modulation)

    def decode(self, received: torch.Tensor, noise_variance: float | torch.Tensor) -> Decoded:
        """Decode; where length, checksum or source bytes are broken the receiver shows mid-grey and says `failed`.

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
        images = grey_images(len(message), self.codec.size)
        failed = torch.ones(len(message), dtype=torch.bool)
        # a frame without source bytes is what an infeasible image sends: there is nothing to show
        shown = {
            row: pixels
            for row, content in contents.items()
            if content[0] and (pixels := self.codec.decode(*content)) is not None
        }
        if shown:
            rows = torch.tensor(list(shown))
            pictures = torch.from_numpy(np.stack(list(shown.values())))
            images[rows] = pictures.permute(0, 3, 1, 2).float() / 255.0
            failed[rows] = False
        return Decoded(images, failed, message)
