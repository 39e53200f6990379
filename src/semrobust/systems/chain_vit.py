"""The conventional scheme at a fixed budget: a baseline of zhang2026, and a transformer behind its receiver.

    image -> best quality within the budget -> LDPC -> QAM -> air -> image, or mid-grey -> transformer -> logits

Each image takes the same N real channel uses, so schemes can be compared at equal cost: with `jpeg_ldpc_vit`, whose
length follows from a fixed quality, the conventional side sends many times the symbols of a codebook's indices.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import Annotated, Any, Literal

import torch
from pydantic import Field

from semrobust.config.registry import SYSTEMS
from semrobust.config.settings import QUANTIZER, LinkSettings
from semrobust.models.straight_through import straight_through
from semrobust.phy.air import Air
from semrobust.phy.ldpc import LdpcCode
from semrobust.systems.base import Sent, SoftBits, grey_images
from semrobust.systems.classical import ClassicalSystem
from semrobust.systems.classification import ClassifyingSystem, Overhead
from semrobust.systems.draw import Randomness
from semrobust.systems.hevc_ldpc import HevcLdpcSettings
from semrobust.systems.jpeg_ldpc import JpegLdpcSettings
from semrobust.systems.over_air import CERTAIN, decode_over
from semrobust.systems.vit import TransformerSettings

_KEPT = 8  # batches whose encodes are remembered: a sweep sends the same images over many channels


class ChainVitSettings(TransformerSettings):
    """Settings of the scheme; its transformer is the one that it starts from, not trained further.

    `real_uses` N of one image; `chain` the settings of the baseline, as of a system of its own.
    """

    kind: Literal["chain_vit"]
    training: None = None
    real_uses: Annotated[int, Field(ge=2, multiple_of=2)]
    chain: Annotated[HevcLdpcSettings | JpegLdpcSettings, Field(discriminator="kind")]

    @property
    def parts(self) -> frozenset[str]:
        return super().parts | {QUANTIZER}

    def problems(self, link: LinkSettings) -> list[str]:
        own = LinkSettings(real_uses=self.real_uses, snr_db=link.snr_db)
        return [f"chain.{problem}" for problem in self.chain.problems(own)]


@SYSTEMS.register("chain_vit")
class ChainVitSystem(ClassifyingSystem[ChainVitSettings]):
    """A separation-based baseline within N channel uses, with a classifier behind the receiver."""

    Settings = ChainVitSettings
    version = 2
    side = "classical"
    capabilities = frozenset({"soft_bits"})
    adopted = frozenset({"embedding", "transformer", "head"})

    def __init__(self, settings: ChainVitSettings, real_uses: int) -> None:
        super().__init__(settings, settings.real_uses)
        self.module = settings.network()
        kind = SYSTEMS[settings.chain.kind]
        assert issubclass(kind, ClassicalSystem)
        self.chain: ClassicalSystem = kind.create(settings.chain, settings.real_uses, 0)
        self._sent: OrderedDict[str, Sent] = OrderedDict()

    @property
    def code(self) -> LdpcCode:
        return self.chain.code

    def set_code(self, arrays: dict[str, Any]) -> None:
        state = {name: torch.from_numpy(array) for name, array in arrays.items()}
        self.chain = type(self.chain).restore(self.settings.chain, self.real_uses, state)

    def logits(self, images: torch.Tensor, air: Air | None, draw: Randomness) -> torch.Tensor:
        backward = self.chain.differentiable(images, self.temperature)
        return self._classified(straight_through(backward, self.shown(images.detach(), air, draw)))

    def transmit(self, images: torch.Tensor, draw: Randomness) -> Sent:
        return self._encode(images)

    def listen(self, received: torch.Tensor, noise_variance: float, draw: Randomness) -> torch.Tensor:
        return self._classified(self.chain.decode(received, noise_variance).images)

    def lost(self) -> torch.Tensor:
        return self._classified(grey_images(1))[0]

    def soft_bits(self) -> SoftBits:
        return self.chain.soft_bits()

    def _classified(self, shown: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.module(shown.to(self.device)).cpu()
        return logits

    def shown(self, images: torch.Tensor, air: Air | None, draw: Randomness) -> torch.Tensor:
        """What the receiver has to classify, (B,3,32,32) float32: the decoded image, or mid-grey."""
        sent, shown = self._encode(images), grey_images(len(images))
        rows = sent.feasible.nonzero().squeeze(1)
        if len(rows):
            codewords = sent.codewords[rows]
            if air is None:
                decoded = self.chain.decode(codewords, CERTAIN)
            else:
                decoded = decode_over(self.chain, codewords, air, draw.take(rows))
            shown[rows] = decoded.images
        return shown

    def overhead(self, images: torch.Tensor, draw: Randomness) -> Overhead:
        """The same for every image: the baseline's message bits, of which source bytes fill as many as they can."""
        count = len(images)
        bits = float(self.settings.chain.blocks * self.chain.code.k)
        return Overhead(
            torch.full((count,), bits, dtype=torch.float64),
            torch.full((count,), self.real_uses / 2, dtype=torch.float64),
            0,
        )

    def _encode(self, images: torch.Tensor) -> Sent:
        name = hashlib.sha256(images.contiguous().numpy().tobytes()).hexdigest()
        if name not in self._sent:
            self._sent[name] = self.chain.send(images)
            while len(self._sent) > _KEPT:
                self._sent.popitem(last=False)
        self._sent.move_to_end(name)
        return self._sent[name]
