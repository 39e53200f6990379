"""The conventional scheme at a fixed budget: a classical chain of zhang2026, and a transformer behind its receiver.

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

from semrobust.config.noise import QUANTIZER
from semrobust.config.registry import SYSTEMS
from semrobust.config.settings import LinkSettings
from semrobust.models.soft_codec import expected_codec
from semrobust.models.straight_through import straight_through
from semrobust.phy.air import Air
from semrobust.phy.ldpc import LdpcCode
from semrobust.systems.base import Sent, grey_images
from semrobust.systems.classical import ClassicalSystem
from semrobust.systems.classification import ClassifyingSystem, Overhead
from semrobust.systems.draw import Randomness
from semrobust.systems.hevc_ldpc import HevcLdpcSettings
from semrobust.systems.jpeg_ldpc import JpegLdpcSettings
from semrobust.systems.over_air import decode_over
from semrobust.systems.vit import TransformerSettings

_CERTAIN = 1e-3  # noise variance that the receiver counts with where nothing is lost: every LLR is large
_KEPT = 8  # batches whose encodes are remembered: a sweep sends the same images over many channels


class ChainVitSettings(TransformerSettings):
    """Settings of the scheme; its transformer is the one that it starts from, not trained further.

    `real_uses` N of one image; `chain` the settings of the classical chain, as of a system of its own.
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
    """A classical chain within N channel uses, with a classifier behind the receiver."""

    Settings = ChainVitSettings
    version = 2
    side = "classical"
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
        backward = images
        if self.temperature is not None:
            halved = self.settings.chain.subsampling == "4:2:0"
            backward = expected_codec(images, self.chain.steps(images.detach()), halved, self.temperature)
        shown = straight_through(backward, self.shown(images.detach(), air, draw))
        logits: torch.Tensor = self.module(shown.to(self.device)).cpu()
        return logits

    def shown(self, images: torch.Tensor, air: Air | None, draw: Randomness) -> torch.Tensor:
        """What the receiver has to classify, (B,3,32,32) float32: the decoded image, or mid-grey."""
        sent, shown = self._encode(images), grey_images(len(images))
        rows = sent.feasible.nonzero().squeeze(1)
        if len(rows):
            codewords = sent.codewords[rows]
            if air is None:
                decoded = self.chain.decode(codewords, _CERTAIN)
            else:
                decoded = decode_over(self.chain, codewords, air, draw.take(rows))
            shown[rows] = decoded.images
        return shown

    def overhead(self, images: torch.Tensor, draw: Randomness) -> Overhead:
        """The same for every image: the chain's message bits, of which source bytes fill as many as they can."""
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
