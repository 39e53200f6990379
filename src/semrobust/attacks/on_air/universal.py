"""Universal perturbation: one vector for all images, by an attacker who knows the decoder but not what is sent.

Moosavi-Dezfooli et al. 2017 (arXiv 1610.08401) for a distortion target; on the air Sadeghi & Larsson 2019 (arXiv
1902.08391) show why it matters: nothing of the transmission has to be known in time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

import torch
from pydantic import Field

from semrobust.attacks.base import AttackResult, Target
from semrobust.attacks.on_air.directions import DirectionAttack, DirectionSettings
from semrobust.config.registry import ATTACKS
from semrobust.config.settings import RECEIVER, Positive
from semrobust.phy.power import normalize_power, power_from_psr_db

_FLOOR = 0.02  # where the cosine schedule of step and shrinkage ends, as a share of its beginning


class UniversalSettings(DirectionSettings):
    """As `DirectionSettings`, and how the vector is learned: from `images` of the training set, in `iterations` steps.

    A step has the relative length `step` at first, and the norm changes by the share `shrink` at first, so that half of
    the images learned from are broken.
    """

    kind: Literal["universal"]
    images: Positive
    iterations: Positive
    step: Annotated[float, Field(gt=0, le=1)]
    shrink: Annotated[float, Field(gt=0, lt=1)]


@ATTACKS.register("universal")
class Universal(DirectionAttack[UniversalSettings]):
    """One direction for all images at an SNR, learned from training images on their way to the same receiver.

    The power reported for an image is that at which the common direction breaks it; the share of images with less is
    what one vector of this power breaks.
    """

    Settings = UniversalSettings
    requires = frozenset({"gradient"})
    version = 3
    learns = True
    knows = RECEIVER

    def run_all(self, batches: Sequence[Target]) -> Iterator[AttackResult]:
        learned = self.direction(batches[0])[:1]
        return (self.along(learned.expand(len(target), -1), target) for target in batches)

    def direction(self, target: Target) -> torch.Tensor:
        assert target.seen is not None, "the attack learns"
        return normalize_power(_learn(target.seen, self.settings)).expand(len(target), -1)


def _learn(seen: Target, settings: UniversalSettings) -> torch.Tensor:
    """The vector (1, N) of least norm that was seen to break half of the images; the last one if none did.

    Ascent on the squared error of those not broken yet: those that are would pull the vector to where they are worst.
    """
    current = seen.directions[:1]
    norm = power_from_psr_db(0.0, current.shape[1]) ** 0.5
    best, least = current, math.inf
    current = current * (norm / current.norm())
    for taken in range(settings.iterations):
        mse, gradient = seen.gradient(current.expand(len(seen), -1))
        broken = mse >= seen.threshold
        half = int(broken.sum()) * 2 >= len(seen)
        if half and norm < least:
            best, least = current, norm
        ascent = (gradient if broken.all() else gradient[~broken]).sum(0, keepdim=True)
        share = _FLOOR + (1 - _FLOOR) * 0.5 * (1 + math.cos(math.pi * taken / settings.iterations))
        moved = current / norm + settings.step * share * ascent / ascent.norm().clamp_min(1e-12)
        norm *= 1 - settings.shrink * share if half else 1 + settings.shrink * share
        current = moved * (norm / moved.norm().clamp_min(1e-12))
    return best if math.isfinite(least) else current
