"""DeepJSCC trained without channel noise, but with a penalty on the slope of its decoder: the control of zhang2026.

The paper says that noise in training protects since it smooths the decoder. Noise of variance σ² per real use adds, to
second order, σ²‖J‖²_F to the expected squared error (Bishop 1995, Neural Computation 7(1)). This system adds exactly
that term and no noise, so that the slope is trained and nothing else that noise does.
"""

from __future__ import annotations

from typing import Literal

import torch

from semrobust.config.registry import SYSTEMS
from semrobust.config.settings import Decibel
from semrobust.phy.power import noise_variance
from semrobust.systems.deepjscc import NetworkSettings, NetworkSystem, TrainingSettings


class SmoothTrainingSettings(TrainingSettings):
    """`train_snr_db` must be null; `penalty_snr_db` sets the penalty's weight to the noise variance at this SNR."""

    train_snr_db: None
    penalty_snr_db: Decibel


class SmoothDeepJSCCSettings(NetworkSettings):
    """Settings of one DeepJSCC with a penalized slope."""

    kind: Literal["deepjscc_smooth"]
    training: SmoothTrainingSettings


@SYSTEMS.register("deepjscc_smooth")
class SmoothDeepJSCCSystem(NetworkSystem[SmoothDeepJSCCSettings]):
    """As `DeepJSCCSystem` in everything but the loss."""

    Settings = SmoothDeepJSCCSettings

    def loss(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Mean squared error of a batch without noise, plus σ²‖J‖²_F per value of the image.

        The squared Frobenius norm is estimated without bias from one random image of signs v per image: E‖Jᵀv‖².
        """
        with torch.enable_grad():  # validation measures the same loss, and the slope needs a graph
            codewords = self.module.encoder(images)
            if not codewords.requires_grad:
                codewords = codewords.requires_grad_(True)
            shown = self.module.decoder(codewords)
            signs = torch.randint(2, shown.shape, generator=generator).to(shown) * 2 - 1
            (slope,) = torch.autograd.grad((shown * signs).sum(), codewords, create_graph=True)
            penalty = slope.square().sum(1).mean() / shown[0].numel()
            error = torch.nn.functional.mse_loss(shown, images)
        return error + noise_variance(self.settings.training.penalty_snr_db) * penalty  # type: ignore[no-any-return]
