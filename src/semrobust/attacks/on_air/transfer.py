"""Transfer: perturbations that were made against a surrogate decoder, tried on the real one.

The attacker knows the image, the codeword and the noise, but not the receiver's decoder. In its place it trained one of
its own on the codewords of the same encoder (`systems.deepjscc_surrogate`) and attacked that.
"""

from __future__ import annotations

from typing import Literal

import torch

from semrobust.attacks.base import Target
from semrobust.attacks.on_air.directions import DirectionAttack, DirectionSettings
from semrobust.config.registry import ATTACKS
from semrobust.config.settings import TRAFFIC
from semrobust.phy.power import normalize_power


class TransferSettings(DirectionSettings):
    """As `DirectionSettings`; `crafted_by` names the attack on the surrogate whose directions are taken."""

    kind: Literal["transfer"]
    crafted_by: str


@ATTACKS.register("transfer")
class Transfer(DirectionAttack[TransferSettings]):
    """The direction found on the surrogate, scaled until the real decoder's image is broken.

    The target's `directions` (B, N) are the perturbations found there (`measure.transferred`). That the scale is
    searched on the real decoder favours the attacker: what is measured is the power at which his direction works.
    """

    Settings = TransferSettings
    transfers = True
    knows = TRAFFIC

    def direction(self, target: Target) -> torch.Tensor:
        return normalize_power(target.directions)
