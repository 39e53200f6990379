"""Universal perturbation: one vector for all images, by an attacker who knows the decoder but not what is sent.

Moosavi-Dezfooli et al. 2017 (arXiv 1610.08401) for a distortion target; on the air Sadeghi & Larsson 2019 (arXiv
1902.08391) show why it matters: nothing of the transmission has to be known in time.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

import torch
from pydantic import Field

from semrobust.attacks.base import AttackResult, Target
from semrobust.attacks.on_air.directions import DirectionAttack, DirectionSettings
from semrobust.config.registry import ATTACKS
from semrobust.config.settings import Positive
from semrobust.phy.power import normalize_power, power_from_psr_db

_FLOOR = 0.02  # where the cosine schedule of step and shrinkage ends, as a share of its beginning


class UniversalSettings(DirectionSettings):
    """As `DirectionSettings`, and how the vector is learned: `iterations` steps of relative length `step` at first.

    The norm changes by the share `shrink` at first, so that half of the images learned from are ruined.
    """

    kind: Literal["universal"]
    iterations: Positive
    step: Annotated[float, Field(gt=0, le=1)]
    shrink: Annotated[float, Field(gt=0, lt=1)]


@ATTACKS.register("universal")
class Universal(DirectionAttack[UniversalSettings]):
    """One direction for all even images at an SNR, learned from the odd ones, and the other way round.

    Images are even or odd by their place among all that are attacked, whatever the batch. So no image takes part in
    making the vector that it is attacked with. The power reported for an image is that at which the common direction
    ruins it; the share of images with less is what one vector of this power ruins.
    """

    Settings = UniversalSettings
    requires = frozenset({"gradient"})
    version = 2

    def run_all(self, batches: Sequence[Target]) -> Iterator[AttackResult]:
        for target, direction in zip(batches, self.directions(batches), strict=True):
            yield self.along(direction, target)

    def direction(self, target: Target) -> torch.Tensor:
        return self.directions([target])[0]

    def directions(self, batches: Sequence[Target]) -> list[torch.Tensor]:
        """Direction (B, N) with squared norm N per image of each batch."""
        starts = itertools.accumulate(map(len, batches), initial=0)
        places = [torch.arange(len(batch), device=batch.received.device) for batch in batches]
        halves = [(start + place) % 2 for start, place in zip(starts, places, strict=False)]
        found = [torch.empty_like(batch.received) for batch in batches]
        for parity in (0, 1):
            sides = [
                batch.take((half != parity).nonzero().squeeze(1)) for batch, half in zip(batches, halves, strict=True)
            ]
            seen = [side for side in sides if len(side)]
            # one image alone has no other to learn from: a random direction is all that is left
            learned = normalize_power(_learn(seen, self.settings) if seen else batches[0].directions[:1])
            for direction, half in zip(found, halves, strict=True):
                direction[half == parity] = learned
        return found


def _learn(batches: Sequence[Target], settings: UniversalSettings) -> torch.Tensor:
    """The vector (1, N) of least norm that was seen to ruin half of the images; the last one if none did.

    Ascent on the squared error of those not ruined yet: those that are would pull the vector to where they are worst.
    """
    count, current = sum(map(len, batches)), batches[0].directions[:1]
    norm = power_from_psr_db(0.0, current.shape[1]) ** 0.5
    best, least = current, math.inf
    current = current * (norm / current.norm())
    for taken in range(settings.iterations):
        measured = [batch.gradient(current.expand(len(batch), -1)) for batch in batches]
        ruined = torch.cat([mse >= batch.threshold for batch, (mse, _) in zip(batches, measured, strict=True)])
        gradient = torch.cat([slope for _, slope in measured])
        half = int(ruined.sum()) * 2 >= count
        if half and norm < least:
            best, least = current, norm
        ascent = (gradient if ruined.all() else gradient[~ruined]).sum(0, keepdim=True)
        share = _FLOOR + (1 - _FLOOR) * 0.5 * (1 + math.cos(math.pi * taken / settings.iterations))
        moved = current / norm + settings.step * share * ascent / ascent.norm().clamp_min(1e-12)
        norm *= 1 - settings.shrink * share if half else 1 + settings.shrink * share
        current = moved * (norm / moved.norm().clamp_min(1e-12))
    return best if math.isfinite(least) else current
