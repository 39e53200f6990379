"""DeepJSCC for channel states: Table I's network with fewer feature maps, and one with a global look (zhang2026)."""

from __future__ import annotations

import math
from typing import Literal

import torch

from semrobust.config.csi import Form
from semrobust.config.registry import SYSTEMS
from semrobust.config.settings import Positive
from semrobust.models.deepjscc import Autoencoder, DeepJSCC
from semrobust.models.deepjscc_mixing import MixingDeepJSCC
from semrobust.systems.channel_state import ChannelStates
from semrobust.systems.deepjscc import NetworkSettings, NetworkSystem
from semrobust.systems.distortion import mean_squared_error

_SMALL = 0.05  # about the mean of magnitudes whose largest is 0.7


class CsiDeepJSCCSettings(NetworkSettings):
    """As `NetworkSettings`: `form` is what is sent of a channel state, `mixing` the units of a global look, if any."""

    kind: Literal["csi_deepjscc"]
    form: Form
    mixing: Positive | None


@SYSTEMS.register("csi_deepjscc")
class CsiDeepJSCCSystem(NetworkSystem[CsiDeepJSCCSettings]):
    """As `DeepJSCCSystem`, of channel states: trained on the NMSE of the reconstruction.

    Magnitudes are next to 0 nearly everywhere. On their squared error the network learns to give nothing at all, and
    never anything else; so the loss is the NMSE, each sample's error over its energy, and an untrained receiver gives
    values that are as small as theirs.
    """

    Settings = CsiDeepJSCCSettings
    task = "csi"

    @property
    def source(self) -> ChannelStates:
        return ChannelStates(self.settings.form)

    def network(self) -> Autoencoder:
        width, planes, mixing = self.settings.width, self.source.planes, self.settings.mixing
        made: Autoencoder = DeepJSCC(self.real_uses, width, planes)
        if mixing is not None:
            made = MixingDeepJSCC(self.real_uses, width, planes, mixing)
        *_, last = (layer for layer in made.decoder.modules() if isinstance(layer, torch.nn.ConvTranspose2d))
        assert last.bias is not None
        value = _SMALL if self.settings.form == "magnitude" else self.source.zero
        torch.nn.init.constant_(last.bias, math.log(value / (1 - value)))
        return made

    def loss(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Mean NMSE of a batch through the channel at the training SNR, with fresh noise."""
        shown = self.module.decoder(self.arriving(images, generator))
        return (mean_squared_error(shown, images) / self.source.energy(images)).mean()
