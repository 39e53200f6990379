"""DeepJSCC as a system: one network from pixels to channel uses and back (zhang2026, Table I)."""

from __future__ import annotations

import copy
import math
from typing import Annotated, Any, Literal, Self

import torch
from pydantic import Field
from typing_extensions import TypeVar

from semrobust.codecs.base import SIZE, Size
from semrobust.config.registry import SYSTEMS
from semrobust.config.settings import (
    Decibel,
    LinkSettings,
    Positive,
    PositiveFloat,
    Precision,
    Settings,
    SystemSettings,
)
from semrobust.errors import UsageError
from semrobust.models.deepjscc import SHRINK, Autoencoder, DeepJSCC
from semrobust.phy.channel import awgn
from semrobust.systems.base import Decoded, Sent, State, System, device


class TrainingSettings(Settings):
    """How a DeepJSCC is trained; `train_snr_db: null` leaves the channel noise out.

    `precision` is that of the forward pass; weights, sums and validation stay float32.
    """

    train_snr_db: Decibel | None
    epochs: Positive
    batch: Positive
    learning_rate: PositiveFloat
    warmup_share: Annotated[float, Field(gt=0, lt=1)]
    weight_decay: Annotated[float, Field(ge=0)]
    precision: Precision


class NetworkSettings(SystemSettings):
    """What all kinds of DeepJSCC share: the width of the network, and how it is trained."""

    width: Positive
    training: TrainingSettings

    def problems(self, link: LinkSettings) -> list[str]:
        """DeepJSCC sends whole 8x8 feature maps, so N must be a multiple of 64."""
        if link.real_uses % 64:
            return [
                f"kind: '{self.kind}' sends feature maps of 8x8 values, so link.real_uses must be a multiple of "
                f"64, not {link.real_uses}"
            ]
        return []


class DeepJSCCSettings(NetworkSettings):
    """Settings of one DeepJSCC system."""

    kind: Literal["deepjscc"]


N = TypeVar("N", bound=NetworkSettings, default=Any)


class NetworkSystem(System[N]):
    """Encoder and decoder network around the channel. Nothing fails here: the receiver always reconstructs an image."""

    side = "semantic"
    capabilities = frozenset({"gradient"})
    trainable = True

    def __init__(self, settings: N, real_uses: int) -> None:
        super().__init__(settings, real_uses)
        self.module = self.network()
        self.size = SIZE

    def network(self) -> Autoencoder:
        """A fresh network for these settings and channel uses: that of Table I."""
        return DeepJSCC(self.real_uses, self.settings.width)

    @property
    def training(self) -> TrainingSettings:
        """Settings that the training loop reads."""
        return self.settings.training

    def loss(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Mean squared error of a batch through the channel at the training SNR, with fresh noise."""
        return torch.nn.functional.mse_loss(self.module.decoder(self.arriving(images, generator)), images)

    def arriving(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """What the receiver gets of a batch in training, (B, N)."""
        noise, snr_db = None, self.training.train_snr_db
        if snr_db is not None:
            # on the CPU, so that a GPU trains with the same noise; first, since a draw would cut a compiled loss in two
            noise = torch.randn(len(images), self.real_uses, generator=generator).to(images.device)
        codewords: torch.Tensor = self.module.encoder(images)
        return codewords if noise is None or snr_db is None else awgn(codewords, snr_db, noise)

    @classmethod
    def create(cls, settings: N, real_uses: int, seed: int) -> Self:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return cls(settings, real_uses)

    @classmethod
    def restore(cls, settings: N, real_uses: int, state: State) -> Self:
        system = cls(settings, real_uses)
        system.module.load_state_dict(dict(state))
        system.module.to(device()).eval().requires_grad_(False)
        return system

    def state(self) -> State:
        return self.module.state_dict()

    def resized(self, size: Size) -> Self:
        """As `System.resized`, for sides that are multiples of the network's `tile`."""
        height, width = size
        tile = self.module.tile
        if min(size) < tile or height % tile or width % tile:
            raise UsageError(f"images of {height}x{width}: this network takes sides that are multiples of {tile}")
        twin = copy.copy(self)
        twin.module, twin.size = copy.deepcopy(self.module), size
        twin.module.decoder.spatial = (height // SHRINK, width // SHRINK)
        twin.real_uses = twin.module.decoder.feature_maps * math.prod(twin.module.decoder.spatial)
        return twin

    def encode(self, images: torch.Tensor) -> Sent:
        if images.shape[1:] != (self.source.planes, *self.size):
            raise UsageError(
                f"images of shape {tuple(images.shape)}: {self.name or 'this network'} takes images of "
                f"{(self.source.planes, *self.size)}; semrobust.load(..., size=(H, W)) gives it others"
            )
        with torch.no_grad():
            codewords = self.encode_differentiably(images)
        return Sent(codewords, feasible=torch.ones(len(images), dtype=torch.bool, device=images.device))

    def encode_differentiably(self, images: torch.Tensor) -> torch.Tensor:
        codewords: torch.Tensor = self.module.encoder(images.to(self._device)).to(images.device)
        return codewords

    def decode(self, received: torch.Tensor, noise_variance: float) -> Decoded:
        with torch.no_grad():
            images = self.decode_differentiably(received, noise_variance)
        return Decoded(images, failed=torch.zeros(len(images), dtype=torch.bool, device=images.device))

    def decode_differentiably(self, received: torch.Tensor, noise_variance: float) -> torch.Tensor:
        return self.shown(received.to(self._device), noise_variance).to(received.device)

    def shown(self, received: torch.Tensor, noise_variance: float) -> torch.Tensor:
        """What the network makes of received vectors on its device; that of Table I does not ask for the noise."""
        images: torch.Tensor = self.module.decoder(received)
        return images

    def decoder_layers(self) -> tuple[torch.nn.Sequential, tuple[int, int, int]] | None:
        decoder = self.module.decoder
        layers = decoder.layers()
        return None if layers is None else (layers, (decoder.feature_maps, *decoder.spatial))

    @property
    def _device(self) -> torch.device:
        """Where the network is."""
        return next(self.module.parameters()).device


@SYSTEMS.register("deepjscc")
class DeepJSCCSystem(NetworkSystem[DeepJSCCSettings]):
    """DeepJSCC as it is: trained on the error of the reconstruction."""

    Settings = DeepJSCCSettings
