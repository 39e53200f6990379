"""The transceiver of hu2022: a masked autoencoder whose features are sent as indices of a shared codebook.

    image -> visible patches -> encoder -> z (B,V,D) -> nearest basis vectors -> indices k (B,V)
          -> transport (uncoded or LDPC) over the air -> k' -> basis vectors -> fully connected layers -> logits

Backward, everything between z and what the receiver looks up counts as the identity, or as soft assignment. Without a
codebook (ablation) the features themselves go over the air as analog symbols, scaled to unit power per real use.
Ablations pool patches, so that they send as many symbols as the whole.

Two kinds: `mae_pretraining` learns to draw whole images from the visible patches; `mae_vq` starts from it, with fully
connected layers in place of the light decoder (hu2022, Section IV).
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

import torch
from pydantic import Field, model_validator
from typing_extensions import TypeVar

from semrobust.config.registry import SYSTEMS
from semrobust.config.settings import MASK, QUANTIZER, LinkSettings, Positive, PositiveFloat, SystemSettings, Task
from semrobust.data.content import CLASSES
from semrobust.models.codebook import Codebook, index_bits
from semrobust.models.masked_autoencoder import MaskedAutoencoder
from semrobust.models.masking import visible_count
from semrobust.models.straight_through import straight_through
from semrobust.models.vit import TransformerSize, normalize
from semrobust.phy.air import Air
from semrobust.phy.ldpc import LdpcCode
from semrobust.phy.mapping import map_bits
from semrobust.phy.power import normalize_power
from semrobust.systems.base import Sent, SoftBits
from semrobust.systems.classification import (
    ClassifyingSettings,
    ClassifyingSystem,
    IndicesOnAir,
    Learned,
    NetworkSize,
    Overhead,
)
from semrobust.systems.draw import Randomness
from semrobust.systems.index_transport import CodedSettings, IndexTransport, UncodedSettings

_GRID = 32
_SOFT_VARIANCE = 0.2
"""Noise variance that hard decisions count with backward, at least: half the distance of two levels of 16-QAM, squared.

At what the receiver reckons with their derivatives would all but vanish."""


class MaskedSettings(ClassifyingSettings):
    """What pre-training and classification share.

    Attributes:
        patch: side of a patch in pixels.
        masking_ratio: share of patches that are hidden; 0 = no mask (ablation).
        stem: channels of convolutions within each patch before it; null = none.
        encoder: size of the transformer behind the visible patches.
        features: dimension D of a feature and of a basis vector.
        codebook_size: number J of basis vectors; null = none (ablation).
        ema_decay: null = the codebook follows the gradient of eq. 11, else moving averages with this decay.
        commitment: λ of eq. 11.
        reseed_every: steps after which unused basis vectors are replaced by features, in training.
        least_perplexity: a codebook below this, on the validation images, has collapsed and fails the training.
    """

    patch: Positive
    masking_ratio: Annotated[float, Field(ge=0, lt=1)]
    stem: Positive | None
    encoder: NetworkSize
    features: Positive
    codebook_size: Annotated[int, Field(ge=2)] | None
    ema_decay: Annotated[float, Field(gt=0, lt=1)] | None
    commitment: PositiveFloat
    reseed_every: Positive
    least_perplexity: PositiveFloat

    def problems(self, link: LinkSettings) -> list[str]:
        if _GRID % self.patch:
            return [f"patch: {self.patch}, must divide the {_GRID} pixels of an image's side"]
        return []


class PretrainingSettings(MaskedSettings):
    """Pre-training on reconstruction; `decoder` is the light transformer that is left behind afterwards."""

    kind: Literal["mae_pretraining"]
    decoder: NetworkSize


class MaeVqSettings(MaskedSettings):
    """Settings of the transceiver; `head_hidden` is the width of its fully connected layers.

    `transport` of the indices: "uncoded", or "coded" by LDPC; null = analog features, without a codebook. `pooled`: the
    features of so many consecutive visible patches are sent as one, their mean.
    """

    kind: Literal["mae_vq"]
    head_hidden: Positive
    pooled: Positive = Field(default=1, exclude_if=lambda count: count == 1)
    transport: Annotated[UncodedSettings | CodedSettings, Field(discriminator="kind")] | None

    @property
    def parts(self) -> frozenset[str]:
        has = {QUANTIZER: self.codebook_size is not None, MASK: self.masking_ratio > 0}
        return super().parts | {part for part, there in has.items() if there}

    @model_validator(mode="after")
    def _indices_need_a_codebook(self) -> Self:
        if (self.codebook_size is None) != (self.transport is None):
            raise ValueError("transport carries indices: give both transport and codebook_size, or null for both")
        return self

    def problems(self, link: LinkSettings) -> list[str]:
        problems = super().problems(link)
        visible = 0 if problems else visible_count((_GRID // self.patch) ** 2, self.masking_ratio)
        if visible % self.pooled:
            problems.append(f"pooled: {self.pooled}, must divide the {visible} patches that are visible")
        if not problems and self.codebook_size is not None and isinstance(self.transport, CodedSettings):
            message = visible // self.pooled * index_bits(self.codebook_size)
            problems = [f"transport.{problem}" for problem in self.transport.problems(message)]
        return problems


M = TypeVar("M", bound=MaskedSettings, default=Any)


class _MaskedSystem(ClassifyingSystem[M]):
    """Encoder, codebook, and what training does with them."""

    module: MaskedAutoencoder
    trainable = True
    adopted = frozenset({"encoder.embedding", "encoder.transformer"})

    def __init__(self, settings: M, real_uses: int, **receiver: Any) -> None:
        super().__init__(settings, real_uses)
        self.module = MaskedAutoencoder(
            patch=settings.patch,
            encoder=TransformerSize(**settings.encoder.model_dump()),
            features=settings.features,
            codebook_size=settings.codebook_size,
            ema_decay=settings.ema_decay,
            masking_ratio=settings.masking_ratio,
            stem=settings.stem,
            **receiver,
        )
        self.reseed_every, self.least_perplexity = settings.reseed_every, settings.least_perplexity

    @property
    def codebook(self) -> Codebook | None:
        return self.module.codebook

    def visible(self, draw: Randomness) -> torch.Tensor:
        """Which patches of each image are sent, int64 (B, V), on the network's device."""
        return draw.visible(self.module.patches, self.module.visible_patches).to(self.device)

    def with_codebook(self, learned: Learned, features: torch.Tensor, quantized: Any) -> Learned:
        """Add the second and third term of eq. 11."""
        loss = learned.loss + quantized.codebook_loss + self.settings.commitment * quantized.commitment_loss
        return Learned(loss, learned.right, features.detach(), quantized.indices)


@SYSTEMS.register("mae_pretraining")
class PretrainingSystem(_MaskedSystem[PretrainingSettings]):
    """Draws the whole image from its visible patches, quantized by the codebook; nothing is lost in between."""

    Settings = PretrainingSettings
    task: ClassVar[Task] = "pretraining"

    def __init__(self, settings: PretrainingSettings, real_uses: int) -> None:
        super().__init__(settings, real_uses, decoder=TransformerSize(**settings.decoder.model_dump()))

    def learn(self, images: torch.Tensor, labels: torch.Tensor, air: Air | None, draw: Randomness) -> Learned:
        """Mean squared error of normalized pixels, hidden ones too, and the codebook's terms; labels are not used."""
        images, visible = images.to(self.device), self.visible(draw)
        z = self.module.encode(images, visible)
        quantized = None if self.module.codebook is None else self.module.quantize(z)
        drawn = self.module.reconstruct(z if quantized is None else quantized.vectors, visible)
        learned = Learned(torch.nn.functional.mse_loss(normalize(drawn), normalize(images)))
        if quantized is None:
            return learned
        return self.with_codebook(learned, z, quantized)


@SYSTEMS.register("mae_vq")
class MaeVqSystem(_MaskedSystem[MaeVqSettings]):
    """Masked autoencoder with a codebook, its index transport, and a classifier."""

    Settings = MaeVqSettings
    capabilities = frozenset({"gradient", "indices", "soft_bits"})

    def __init__(self, settings: MaeVqSettings, real_uses: int) -> None:
        receiver = {"classes": CLASSES, "head_hidden": settings.head_hidden, "pooled": settings.pooled}
        super().__init__(settings, real_uses, **receiver)
        self.transport: IndexTransport | None = None
        if settings.transport is not None:
            assert self.module.codebook is not None
            self.transport = IndexTransport(settings.transport, self.module.sent, self.module.codebook.bits)
        self.real_uses = self.transport.uses if self.transport else self.module.sent * settings.features

    @property
    def code(self) -> LdpcCode | None:
        return None if self.transport is None else self.transport.code

    def set_code(self, arrays: dict[str, Any]) -> None:
        assert self.transport is not None
        self.transport.use_code(LdpcCode.from_arrays(arrays))

    def logits(self, images: torch.Tensor, air: Air | None, draw: Randomness) -> torch.Tensor:
        return self._pass(images, air, draw)[0].cpu()

    def indices(self, images: torch.Tensor, draw: Randomness) -> torch.Tensor | None:
        """Indices (B, V) int64 that are sent for images, on the CPU; None without a codebook."""
        with torch.no_grad():
            sent = self._pass(images, None, draw)[2]
        return None if sent is None else sent.indices.cpu()

    def learn(self, images: torch.Tensor, labels: torch.Tensor, air: Air | None, draw: Randomness) -> Learned:
        logits, z, quantized = self._pass(images, air, draw)
        learned = self.scored(logits, labels)
        return learned if quantized is None else self.with_codebook(learned, z, quantized)

    def overhead(self, images: torch.Tensor, draw: Randomness) -> Overhead:
        """The same for every image: V indices of so many bits, or analog features without any."""
        z, quantized = self._pass(images, None, draw)[1:]
        uses = self._analog(z).shape[1]
        bits = float("nan")
        if quantized is not None and self.transport is not None:
            uses = self.transport.codewords(quantized.indices.cpu()).shape[1]
            bits = float(self.transport.information_bits)
        count = len(images)
        return Overhead(
            torch.full((count,), bits, dtype=torch.float64),
            torch.full((count,), uses / 2, dtype=torch.float64),
            self.module.visible_patches,
        )

    def _pass(self, images: torch.Tensor, air: Air | None, draw: Randomness) -> tuple[torch.Tensor, torch.Tensor, Any]:
        """Logits, features z (B,V,D), and what quantization made of them (None without a codebook)."""
        visible = self.visible(draw)
        z = self.module.encode(images.to(self.device), visible)
        if self.transport is None:
            sent = self._analog(z)
            if air is not None:
                arrived = air.receive(sent.cpu(), draw)
                # of least mean squared error, and bounded in a deep fade
                sent = (arrived.symbols / (1 + arrived.variance)).to(self.device)
            return self.module.classify(sent.reshape(z.shape), visible), z, None
        quantized = self.module.quantize(z)
        vectors, codebook = quantized.vectors, self.module.codebook
        assert codebook is not None
        if air is not None:
            indices = self.transport.carry(quantized.indices.cpu(), air, draw).to(self.device)
            vectors = straight_through(z, codebook.lookup(indices))
        if self.temperature is not None:
            vectors = straight_through(codebook.soft(z, self.temperature), vectors)
        return self.module.classify(vectors, visible), z, quantized

    @classmethod
    def offers(cls, settings: SystemSettings) -> frozenset[str]:
        assert isinstance(settings, MaeVqSettings)
        if settings.transport is None:
            return frozenset({"gradient"})
        return frozenset({"soft_bits"} if settings.transport.kind == "coded" else {"gradient", "indices"})

    def transmit(self, images: torch.Tensor, draw: Randomness) -> Sent:
        with torch.no_grad():
            z, quantized = self._pass(images, None, draw)[1:]
        feasible = torch.ones(len(images), dtype=torch.bool)
        if self.transport is None:
            return Sent(self._analog(z).cpu(), feasible)
        message = self.transport.message(quantized.indices.cpu())
        bits = self.transport.coded(message)
        return Sent(map_bits(bits, self.transport.modulation), feasible, message, bits)

    def listen(self, received: torch.Tensor, noise_variance: float, draw: Randomness) -> torch.Tensor:
        visible = self.visible(draw)
        if self.transport is None:
            vectors = (received / (1 + noise_variance)).to(self.device).reshape(len(received), self.module.sent, -1)
            return self.module.classify(vectors, visible).cpu()
        codebook = self.module.codebook
        assert codebook is not None
        vectors = codebook.lookup(self.transport.read(received, noise_variance).to(self.device))
        if received.requires_grad and self.transport.code is None:
            soft = self.transport.likely(received, max(noise_variance, _SOFT_VARIANCE), codebook.size)
            vectors = straight_through(soft.to(self.device) @ codebook.basis.detach(), vectors.detach())
        return self.module.classify(vectors, visible).cpu()

    def soft_bits(self) -> SoftBits:
        assert self.transport is not None
        return self.transport

    def indices_on_air(self, draw: Randomness) -> IndicesOnAir:
        assert self.transport is not None
        codebook, head = self.module.codebook, self.module.head
        assert codebook is not None
        assert head is not None
        count, readable = self.transport.count, torch.arange(2**self.transport.bits)
        with torch.no_grad():
            vectors, visible = codebook.lookup(readable.to(self.device)), self.visible(draw)
            shares = torch.stack([head.shares(vectors, places) for places in visible]).cpu()
        message = torch.stack([self.transport.message(k.repeat(1, count))[0] for k in readable], dim=1)
        bits = message[: self.transport.information_bits].reshape(count, self.transport.bits, -1).transpose(1, 2)
        return IndicesOnAir(self.transport.modulation, bits, shares)

    @staticmethod
    def _analog(z: torch.Tensor) -> torch.Tensor:
        """Features (B,V,D) as N = V·D analog uses of unit power."""
        return normalize_power(z.flatten(1))
