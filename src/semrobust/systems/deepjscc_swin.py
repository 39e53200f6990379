"""DeepJSCC of windowed attention, in the style of SwinJSCC (arXiv 2308.09361)."""

from __future__ import annotations

from typing import Literal

from semrobust.config.registry import SYSTEMS
from semrobust.config.settings import LinkSettings, Positive
from semrobust.models.deepjscc import Autoencoder
from semrobust.models.deepjscc_swin import SwinDeepJSCC
from semrobust.systems.deepjscc import NetworkSettings, NetworkSystem

_PLACES = 8  # of the coarse stage's side, which windows must tile


class SwinDeepJSCCSettings(NetworkSettings):
    """Settings of one DeepJSCC of windowed attention.

    `width` values of a token at half the image's resolution, twice as many at a quarter; there are `depth` and twice
    `depth` blocks of `heads` and twice `heads` heads, at each end. `window` places are a window's side.
    """

    kind: Literal["deepjscc_swin"]
    depth: Positive
    heads: Positive
    window: Positive

    def problems(self, link: LinkSettings) -> list[str]:
        """Heads share the width, and windows tile the tokens of an image of 32x32."""
        found = super().problems(link)
        if self.width % self.heads:
            found.append(f"heads: {self.heads}, must divide the width {self.width}")
        if _PLACES % self.window:
            found.append(f"window: {self.window}, must divide the {_PLACES} places of a side")
        return found


@SYSTEMS.register("deepjscc_swin")
class SwinDeepJSCCSystem(NetworkSystem[SwinDeepJSCCSettings]):
    """As `DeepJSCCSystem`, with another network."""

    Settings = SwinDeepJSCCSettings

    def network(self) -> Autoencoder:
        given = self.settings
        return SwinDeepJSCC(self.real_uses, given.width, given.depth, given.heads, given.window)
