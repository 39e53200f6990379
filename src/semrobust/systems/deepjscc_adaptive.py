"""A wider DeepJSCC whose receiver knows the SNR, in the style of ADJSCC (arXiv 2012.00533).

There both ends know the SNR, by feedback. Here the sender knows nothing of the channel, as that of every other system.
"""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field

from semrobust.config.registry import SYSTEMS
from semrobust.config.settings import Decibel, Positive
from semrobust.models.deepjscc import Autoencoder
from semrobust.models.deepjscc_adaptive import AdaptiveDeepJSCC
from semrobust.systems.deepjscc import NetworkSettings, NetworkSystem, TrainingSettings


class AdaptiveTrainingSettings(TrainingSettings):
    """Each image in training has an SNR of its own, uniform within `spread_db` of `train_snr_db`."""

    train_snr_db: Decibel
    spread_db: Annotated[float, Field(ge=0, le=100)]


class AdaptiveDeepJSCCSettings(NetworkSettings):
    """Settings of one adaptive DeepJSCC: `width` channels at half the image's resolution, twice as many at a quarter;
    `depth` weighed blocks of the receiver at each."""

    kind: Literal["deepjscc_adaptive"]
    depth: Positive
    training: AdaptiveTrainingSettings


@SYSTEMS.register("deepjscc_adaptive")
class AdaptiveDeepJSCCSystem(NetworkSystem[AdaptiveDeepJSCCSettings]):
    """As `DeepJSCCSystem`, with another network and a decoder that is told the noise variance."""

    Settings = AdaptiveDeepJSCCSettings

    def network(self) -> Autoencoder:
        settings, training = self.settings, self.settings.training
        trained = (training.train_snr_db - training.spread_db, training.train_snr_db + training.spread_db)
        return AdaptiveDeepJSCC(self.real_uses, settings.width, settings.depth, trained)

    def loss(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Mean squared error of a batch, each image through a channel of its own SNR."""
        training, count = self.settings.training, len(images)
        places = torch.rand(count, 1, generator=generator).to(images.device)
        noise = torch.randn(count, self.real_uses, generator=generator).to(images.device)
        variance = 10.0 ** (-(training.train_snr_db + training.spread_db * (2.0 * places - 1.0)) / 10.0)
        received = self.module.encoder(images) + variance.sqrt() * noise
        return torch.nn.functional.mse_loss(self.module.decoder(received, variance), images)

    def shown(self, received: torch.Tensor, noise_variance: float) -> torch.Tensor:
        images: torch.Tensor = self.module.decoder(received, received.new_full((len(received), 1), noise_variance))
        return images
