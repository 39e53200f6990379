"""The conventional scheme of hu2022: JPEG, LDPC, QAM, and a vision transformer that looks at what the receiver decoded.

    image -> JPEG at one quality -> frame with CRC over as many codewords as it takes -> QAM -> air
          -> LLR -> belief propagation -> frame -> JPEG, or mid-grey if anything is broken -> transformer -> logits

Unlike `jpeg_ldpc`, which fits each image into a fixed budget, the quality is fixed and the length follows, as in the
paper's Table I. One lost codeword loses the image.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import torch
from pydantic import Field

from semrobust.codecs.base import Pixels, Stream, Subsampling
from semrobust.codecs.framing import Framing
from semrobust.codecs.jpeg import MAX_QUALITY, Jpeg
from semrobust.config.noise import QUANTIZER
from semrobust.config.registry import SYSTEMS
from semrobust.config.settings import LinkSettings, Positive
from semrobust.models.soft_codec import expected_codec
from semrobust.models.straight_through import straight_through
from semrobust.phy import mapping
from semrobust.phy.air import Air
from semrobust.phy.decoder import Decoder
from semrobust.phy.ldpc import LdpcCode
from semrobust.systems.base import grey_images
from semrobust.systems.classification import ClassifyingSystem, Overhead
from semrobust.systems.draw import Randomness
from semrobust.systems.index_transport import DecoderSettings, FreeCodeSettings
from semrobust.systems.vit import TransformerSettings


class JpegLdpcVitSettings(TransformerSettings):
    """Settings of the conventional scheme; its transformer is the one that it starts from, not trained further.

    `quality` is Pillow's, 1 to 100; `block_bits` n of one LDPC codeword.
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
    adopted = frozenset({"embedding", "transformer", "head"})

    def __init__(self, settings: JpegLdpcVitSettings, real_uses: int) -> None:
        super().__init__(settings, real_uses)
        self.module = settings.network()
        self.codec = Jpeg(settings.subsampling, settings.stream)
        self.constellation = mapping.modulation(settings.modulation)
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
            backward = expected_codec(images, steps, self.settings.subsampling == "4:2:0", self.temperature)
        shown = straight_through(backward, self.shown(images.detach(), air, draw))
        logits: torch.Tensor = self.module(shown.to(self.device)).cpu()
        return logits

    def shown(self, images: torch.Tensor, air: Air | None, draw: Randomness) -> torch.Tensor:
        """What the receiver has to classify, (B,3,32,32) float32: the decoded JPEG, or mid-grey."""
        sent = self._encode(images)
        decoded: dict[int, Pixels | None]
        if air is None:
            decoded = {row: self.codec.decode(source, self.settings.quality) for row, source in enumerate(sent)}
        else:
            decoded = self._over(air, sent, draw)
        shown = grey_images(len(images))
        for row, pixels in decoded.items():
            if pixels is not None:
                shown[row] = torch.from_numpy(pixels.copy()).permute(2, 0, 1).float() / 255.0
        return shown

    def overhead(self, images: torch.Tensor, draw: Randomness) -> Overhead:
        """Bytes of each image, and the symbols of all its codewords."""
        sent = self._encode(images)
        words = torch.tensor([self._words(source) for source in sent], dtype=torch.float64)
        return Overhead(
            torch.tensor([8.0 * len(source) for source in sent], dtype=torch.float64),
            words * (self.constellation.uses(self.code.n) / 2),
            0,
        )

    def _encode(self, images: torch.Tensor) -> list[bytes]:
        pixels = (images * 255.0).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy()
        return [self.codec.encode(image, self.settings.quality) for image in pixels]

    def _framing(self, words: int) -> Framing:
        """One frame over all codewords of an image. The quality is fixed: both ends know it."""
        return Framing(words * self.code.k, with_quality=False)

    def _words(self, source: bytes) -> int:
        """Codewords that these bytes take."""
        words = 1
        while self._framing(words).capacity < len(source):
            words += 1
        return words

    def _over(self, air: Air, sent: list[bytes], draw: Randomness) -> dict[int, Pixels | None]:
        """Send over the air, images of equal length side by side; what was decoded by row."""
        decoded: dict[int, Pixels | None] = {}
        lengths = [self._words(source) for source in sent]
        for words in sorted(set(lengths)):
            rows = torch.tensor([row for row, length in enumerate(lengths) if length == words])
            framing = self._framing(words)
            message = torch.stack([torch.from_numpy(framing.pack(sent[row])) for row in rows.tolist()])
            bits = self.code.encode(message.reshape(-1, self.code.k)).reshape(len(rows), -1)
            arrived = air.receive(mapping.map_bits(bits, self.constellation), draw.take(rows), words)
            llr = mapping.llr(arrived.symbols, arrived.variance, self.constellation)
            received = self.decoder.decode(llr.reshape(-1, self.code.n)).bits.reshape(len(rows), -1)
            for position, (source, _) in framing.unpack_batch(received.numpy()).items():
                decoded[int(rows[position])] = self.codec.decode(source, self.settings.quality)
        return decoded
