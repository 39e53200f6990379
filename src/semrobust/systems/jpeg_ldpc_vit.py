"""The conventional scheme of hu2022: JPEG, LDPC, QAM, and a vision transformer that looks at what the receiver decoded.

    image -> JPEG at one quality -> frame with CRC over as many codewords as it takes -> QAM -> air
          -> LLR -> belief propagation -> frame -> JPEG, or mid-grey if anything is damaged -> transformer -> logits

Unlike `jpeg_ldpc`, which fits each image into a fixed budget, the quality is fixed and the length follows, as in the
paper's Table I. One lost codeword loses the image.
"""

from __future__ import annotations

import copy
from typing import Annotated, Any, Literal, Self

import torch
from pydantic import Field
from torch.nn.functional import avg_pool2d, interpolate

from semrobust.codecs.base import SIZE, Pixels, Stream, Subsampling
from semrobust.codecs.framing import Framing
from semrobust.codecs.jpeg import MAX_QUALITY, Jpeg
from semrobust.config.registry import SYSTEMS
from semrobust.config.settings import QUANTIZER, LinkSettings, Positive
from semrobust.models.soft_codec import expected_codec
from semrobust.models.straight_through import straight_through
from semrobust.phy import mapping
from semrobust.phy.air import Air
from semrobust.phy.decoder import Decoder
from semrobust.phy.ldpc import LdpcCode
from semrobust.systems.base import Decoded, Sent, SoftBits, grey_images
from semrobust.systems.classification import ClassifyingSystem, Overhead
from semrobust.systems.draw import Randomness
from semrobust.systems.index_transport import DecoderSettings, FreeCodeSettings
from semrobust.systems.vit import TransformerSettings


class JpegLdpcVitSettings(TransformerSettings):
    """Settings of the conventional scheme; its transformer is the one that it starts from, not trained further.

    `quality` is Pillow's, 1 to 100; `block_bits` n of one LDPC codeword; what is coded is the picture `upsampled` by a
    whole factor (bicubic), and its mean over as many pixels is classified.
    """

    kind: Literal["jpeg_ldpc_vit"]
    training: None = None
    quality: Annotated[int, Field(ge=1, le=MAX_QUALITY)]
    stream: Stream
    subsampling: Subsampling
    modulation: mapping.ModulationName
    block_bits: Positive
    code: FreeCodeSettings
    decoder: DecoderSettings
    upsampled: Annotated[int, Field(ge=1, le=16)] = Field(default=1, exclude_if=lambda factor: factor == 1)

    @property
    def parts(self) -> frozenset[str]:
        return super().parts | {QUANTIZER}

    def problems(self, link: LinkSettings) -> list[str]:
        problems = [f"code.{problem}" for problem in self.code.problems(self.block_bits)]
        whole = 2 * mapping.modulation(self.modulation).bits_per_use  # also for BPSK: channels may be complex
        if self.block_bits % whole:
            problems.append(f"block_bits: {self.block_bits}, must be a multiple of {whole} to fill whole symbols")
        if self.start is None:
            problems.append("start: null, must name the system whose transformer classifies the images")
        return problems


@SYSTEMS.register("jpeg_ldpc_vit")
class JpegLdpcVitSystem(ClassifyingSystem[JpegLdpcVitSettings]):
    """JPEG + LDPC at a fixed quality, with a classifier behind the receiver."""

    Settings = JpegLdpcVitSettings
    side = "classical"
    capabilities = frozenset({"soft_bits"})
    retry = None
    blocks: int
    """Codewords per image, of a system for images of one length (`by_length`)."""

    adopted = frozenset({"embedding", "transformer", "head"})

    def __init__(self, settings: JpegLdpcVitSettings, real_uses: int) -> None:
        super().__init__(settings, real_uses)
        self.module = settings.network()
        self.codec = Jpeg(
            settings.subsampling, settings.stream, (SIZE[0] * settings.upsampled, SIZE[1] * settings.upsampled)
        )
        self.modulation = mapping.modulation(settings.modulation)
        self._use(settings.code.make(settings.block_bits))

    def _use(self, code: LdpcCode) -> None:
        self._code = code
        self.decoder = Decoder(code, **self.settings.decoder.model_dump())

    @property
    def code(self) -> LdpcCode:
        return self._code

    def set_code(self, arrays: dict[str, Any]) -> None:
        self._use(LdpcCode.from_arrays(arrays))

    def logits(self, images: torch.Tensor, air: Air | None, draw: Randomness) -> torch.Tensor:
        backward = images
        if self.temperature is not None:
            steps = torch.from_numpy(self.codec.steps(self.settings.quality))[None]
            halved = self.settings.subsampling == "4:2:0"
            backward = self._smaller(expected_codec(self._larger(images), steps, halved, self.temperature))
        return self._classified(straight_through(backward, self.shown(images.detach(), air, draw)))

    def _classified(self, shown: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.module(shown.to(self.device)).cpu()
        return logits

    def by_length(self, images: torch.Tensor) -> list[tuple[torch.Tensor, Self]]:
        lengths = torch.tensor([self._words(source) for source in self._encode(images)])
        return [((lengths == words).nonzero().squeeze(1), self._of(words)) for words in torch.unique(lengths).tolist()]

    def _of(self, words: int) -> Self:
        """The system for images of so many codewords."""
        same = copy.copy(self)
        same.blocks, same.real_uses = words, words * self.modulation.uses(self.code.n)
        return same

    def transmit(self, images: torch.Tensor, draw: Randomness) -> Sent:
        return self._sent(self._encode(images), self.blocks)

    def listen(self, received: torch.Tensor, noise_variance: float, draw: Randomness) -> torch.Tensor:
        return self._classified(self.decode(received, noise_variance).images)

    def lost(self) -> torch.Tensor:
        return self._classified(grey_images(1))[0]

    def soft_bits(self) -> SoftBits:
        return self

    def needed(self, message: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(self._framing(self.blocks).needed(message.numpy()))

    def llr(self, received: torch.Tensor, noise_variance: float | torch.Tensor) -> torch.Tensor:
        return mapping.llr(received, noise_variance, self.modulation)

    def decode(self, received: torch.Tensor, noise_variance: float | torch.Tensor) -> Decoded:
        """The decoded JPEG, or mid-grey, of images of `blocks` codewords, (B, N)."""
        message = self.decoder.decode(self.llr(received, noise_variance).reshape(-1, self.code.n)).bits
        message = message.reshape(len(received), -1)
        found = self._framing(received.shape[1] // self.modulation.uses(self.code.n)).unpack_batch(message.numpy())
        pixels = {row: self.codec.decode(source, self.settings.quality) for row, (source, _) in found.items()}
        shown, failed = grey_images(len(received)), torch.ones(len(received), dtype=torch.bool)
        for row, picture in pixels.items():
            if picture is not None:
                shown[row], failed[row] = self._as_image(picture), False
        return Decoded(shown, failed, message)

    def shown(self, images: torch.Tensor, air: Air | None, draw: Randomness) -> torch.Tensor:
        """What the receiver has to classify, (B,3,32,32) float32: the decoded JPEG, or mid-grey."""
        sent, shown = self._encode(images), grey_images(len(images))
        if air is None:
            for row, source in enumerate(sent):
                pixels = self.codec.decode(source, self.settings.quality)
                if pixels is not None:
                    shown[row] = self._as_image(pixels)
            return shown
        lengths = torch.tensor([self._words(source) for source in sent])
        for words in torch.unique(lengths).tolist():
            rows = (lengths == words).nonzero().squeeze(1)
            codewords = self._sent([sent[row] for row in rows.tolist()], words).codewords
            arrived = air.receive(codewords, draw.take(rows), words)
            shown[rows] = self.decode(arrived.symbols, arrived.variance).images
        return shown

    def overhead(self, images: torch.Tensor, draw: Randomness) -> Overhead:
        """Bytes of each image, and the symbols of all its codewords."""
        sent = self._encode(images)
        words = torch.tensor([self._words(source) for source in sent], dtype=torch.float64)
        return Overhead(
            torch.tensor([8.0 * len(source) for source in sent], dtype=torch.float64),
            words * (self.modulation.uses(self.code.n) / 2),
            0,
        )

    def _larger(self, images: torch.Tensor) -> torch.Tensor:
        """Pictures as they are coded, in [0,1]."""
        factor = self.settings.upsampled
        return images if factor == 1 else interpolate(images, scale_factor=factor, mode="bicubic").clamp(0, 1)

    def _smaller(self, pictures: torch.Tensor) -> torch.Tensor:
        """Coded pictures (B,3,H,W) as images (B,3,32,32)."""
        factor = self.settings.upsampled
        return pictures if factor == 1 else avg_pool2d(pictures, factor)

    def _encode(self, images: torch.Tensor) -> list[bytes]:
        pixels = (self._larger(images) * 255.0).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy()
        return [self.codec.encode(image, self.settings.quality) for image in pixels]

    def _framing(self, words: int) -> Framing:
        """One frame over all codewords of an image. The quality is fixed: both ends know it."""
        return Framing(words * self.code.k, with_quality=False)

    def _words(self, source: bytes) -> int:
        """Codewords that these bytes take."""
        words = max(1, 8 * len(source) // self.code.k)  # no fewer would do
        while self._framing(words).capacity < len(source):
            words += 1
        return words

    def _as_image(self, pixels: Pixels) -> torch.Tensor:
        """Decoded pixels (H,W,3) as an image (3,32,32) float32 in [0,1]."""
        picture = torch.from_numpy(pixels.copy()).permute(2, 0, 1).float() / 255.0
        return self._smaller(picture[None])[0]

    def _sent(self, sources: list[bytes], words: int) -> Sent:
        """Files of a length that takes so many codewords, as transmitted."""
        framing = self._framing(words)
        message = torch.stack([torch.from_numpy(framing.pack(source)) for source in sources])
        bits = self.code.encode(message.reshape(-1, self.code.k)).reshape(len(sources), -1)
        feasible = torch.ones(len(sources), dtype=torch.bool)
        return Sent(mapping.map_bits(bits, self.modulation), feasible, message, bits)
