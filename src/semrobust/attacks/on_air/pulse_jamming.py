"""Pulse jamming: all power on a few channel uses, by an attacker who knows the channel and nothing else.

The blind jammer of coded systems: for the same power, a few strong pulses may hurt more than noise spread over all uses
(Simon et al. 1994, Spread Spectrum Communications Handbook), unless the decoder corrects them.
"""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field

from semrobust.attacks.base import Target
from semrobust.attacks.on_air.directions import DirectionAttack, DirectionSettings
from semrobust.config.registry import ATTACKS
from semrobust.config.settings import CHANNEL


class PulseJammingSettings(DirectionSettings):
    """As `DirectionSettings`, and the `share` of the channel uses that is hit."""

    kind: Literal["pulse_jamming"]
    share: Annotated[float, Field(gt=0, le=1)]


@ATTACKS.register("pulse_jamming")
class PulseJamming(DirectionAttack[PulseJammingSettings]):
    """Equal pulses of random sign on a random share of the uses, others on each image."""

    Settings = PulseJammingSettings
    knows = CHANNEL

    def direction(self, target: Target) -> torch.Tensor:
        drawn, uses = target.directions, target.directions.shape[1]
        hit = max(1, round(self.settings.share * uses))
        # the size of a normal variable says nothing of its sign: one draw gives both, independent of each other
        places = drawn.abs().topk(hit, dim=1).indices
        pulses = (uses / hit) ** 0.5 * drawn.sign()
        return torch.zeros_like(drawn).scatter(1, places, pulses.gather(1, places))
