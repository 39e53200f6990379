"""The classical chain: JPEG -> frame -> LDPC -> QPSK or 16-QAM, each image sent alone.

encode: pixels -> best JPEG within k bits -> frame (k,) -> LDPC (n,) -> N = n / bits_per_use channel uses
decode: received (N,) -> LLR (n,) -> belief propagation -> frame -> CRC -> JPEG -> image, or mid-grey
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

import numpy as np
from pydantic import Field

from semrobust.codecs import jpeg
from semrobust.codecs.framing import Framing
from semrobust.core.lazy import LazyModule
from semrobust.core.registry import SYSTEMS
from semrobust.core.settings import LinkSettings, Positive, Settings, SystemSettings
from semrobust.phy import mapping
from semrobust.phy.decoder import Decoder
from semrobust.phy.ldpc import LdpcCode, nr_code, regular_code
from semrobust.systems.base import Decoded, Sent, State, System, grey_images

if TYPE_CHECKING:
    import torch
else:
    torch = LazyModule("torch")


class RegularCodeSettings(Settings):
    """A pyldpc regular code; its rate is about 1 - column_weight/row_weight (k follows from the rank)."""

    family: Literal["regular"]
    column_weight: Annotated[int, Field(ge=2)]
    row_weight: Annotated[int, Field(ge=3)]


class NRCodeSettings(Settings):
    """A 5G NR code of 3GPP TS 38.212 with k = rate * n message bits."""

    family: Literal["nr"]
    rate: Annotated[float, Field(gt=0, lt=1)]


class JpegLdpcSettings(SystemSettings):
    """Settings of one classical chain."""

    kind: Literal["jpeg_ldpc"]
    stream: jpeg.Stream
    subsampling: Literal["4:4:4", "4:2:0"]
    modulation: Literal["qpsk", "16qam"]
    code: Annotated[RegularCodeSettings | NRCodeSettings, Field(discriminator="family")]
    iterations: Positive
    check_node: Literal["boxplus-phi", "boxplus", "minsum", "offset-minsum"]

    def problems(self, link: LinkSettings) -> list[str]:
        """The code must exist at the length n that N channel uses and the modulation give."""
        coded = link.real_uses * mapping.modulation(self.modulation).bits_per_use
        if isinstance(self.code, RegularCodeSettings):
            if self.code.column_weight >= self.code.row_weight:
                return [f"code.column_weight: {self.code.column_weight}, must be below row_weight for a positive rate"]
            if coded % self.code.row_weight:
                return [f"code.row_weight: {self.code.row_weight}, must divide the {coded} coded bits of an image"]
            return []
        message = self.code.rate * coded
        if abs(message - round(message)) > 1e-6 or round(message) < 32:
            return [f"code.rate: {self.code.rate}, times {coded} coded bits must be a whole number of at least 32"]
        return []


@SYSTEMS.register("jpeg_ldpc")
class JpegLdpcSystem(System):
    """JPEG source coding and LDPC channel coding at a fixed bit budget."""

    Settings: ClassVar[type[SystemSettings]] = JpegLdpcSettings
    side = "classical"
    capabilities = frozenset({"soft_bits"})

    def __init__(self, settings: JpegLdpcSettings, real_uses: int, code: LdpcCode) -> None:
        super().__init__(settings, real_uses)
        self.settings = settings
        self.code = code
        self.framing = Framing(code.k, with_quality=settings.stream == "payload")
        self.decoder = Decoder(code, settings.iterations, settings.check_node)

    @classmethod
    def create(cls, settings: SystemSettings, real_uses: int, seed: int) -> Self:
        assert isinstance(settings, JpegLdpcSettings)
        coded = real_uses * mapping.modulation(settings.modulation).bits_per_use
        chosen = settings.code
        if isinstance(chosen, RegularCodeSettings):
            code = regular_code(coded, chosen.column_weight, chosen.row_weight, seed % 2**32)
        else:
            code = nr_code(round(chosen.rate * coded), coded)
        return cls(settings, real_uses, code)

    @classmethod
    def restore(cls, settings: SystemSettings, real_uses: int, state: State) -> Self:
        assert isinstance(settings, JpegLdpcSettings)
        code = LdpcCode.from_arrays({name: tensor.numpy() for name, tensor in state.items()})
        return cls(settings, real_uses, code)

    def state(self) -> State:
        return {name: torch.from_numpy(array) for name, array in self.code.to_arrays().items()}

    @property
    def modulation(self) -> mapping.Modulation:
        return mapping.modulation(self.settings.modulation)

    def budget(self) -> dict[str, int | None]:
        return {
            "coded_bits": self.code.n,
            "information_bits": self.code.k,
            "payload_bytes": self.framing.capacity,
        }

    def encode(self, images: torch.Tensor) -> Sent:
        """Encode images; one that does not fit the budget is sent as an empty frame and marked infeasible."""
        pixels = (images * 255.0).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()
        settings = self.settings
        fits = [
            jpeg.encode_within(image, self.framing.capacity, settings.subsampling, settings.stream) for image in pixels
        ]
        frames = np.stack([self.framing.pack(b"" if fit is None else fit[1], fit[0] if fit else 0) for fit in fits])
        message = torch.from_numpy(frames)
        bits = self.code.encode(message)
        feasible = torch.tensor([fit is not None for fit in fits])
        return Sent(mapping.map_bits(bits, self.modulation), feasible, message, bits)

    def llr(self, received: torch.Tensor, noise_variance: float) -> torch.Tensor:
        return mapping.llr(received, noise_variance, self.modulation)

    def decode(self, received: torch.Tensor, noise_variance: float) -> Decoded:
        """Decode; where length, checksum or JPEG stream is broken the receiver shows mid-grey and says `failed`."""
        message = self.decoder.decode(self.llr(received, noise_variance)).bits
        images = grey_images(len(message))
        failed = torch.ones(len(message), dtype=torch.bool)
        for index, frame in enumerate(message.numpy()):
            pixels = self._picture(frame)
            if pixels is not None:
                images[index] = torch.tensor(pixels).permute(2, 0, 1).float() / 255.0
                failed[index] = False
        return Decoded(images, failed, message)

    def _picture(self, frame: np.typing.NDArray[np.uint8]) -> jpeg.Pixels | None:
        content = self.framing.unpack(frame)
        if content is None or not content[0]:
            return None
        return jpeg.decode(*content, self.settings.subsampling, self.settings.stream)
