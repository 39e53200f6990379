"""The Carlini-Wagner attack on a differentiable receiver (zhang2026, second-hand settings).

minimize ||s||² + c · max(0, D* + κ - D(s)),  D the total squared error of the reconstruction

by Adam from s = 0, for a constant c per image that grows tenfold until the image is broken and is then bisected on a
logarithmic scale (Carlini, Wagner 2017, arXiv 1608.04644). The objective printed in the paper has the other sign, which
rewards an image that is *not* broken; this is the one that attacks.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

import torch
from pydantic import Field, model_validator

from semrobust.attacks.base import Attack, AttackResult, Target, better, untouched, update
from semrobust.config.registry import ATTACKS
from semrobust.config.settings import AttackSettings, Positive, PositiveFloat
from semrobust.phy.power import power_total

_DECAY, _DECAY_SQUARED, _EPSILON = 0.9, 0.999, 1e-8  # Adam's own (Kingma, Ba 2015)
_CHECKS, _STANDSTILL = 10, 1e-3  # how often a search looks at an image's objective, and the least share it must fall by


class CarliniWagnerSettings(AttackSettings):
    """`searches` values of c, the first of them `start`, all within [`least`, `most`]; `iterations` steps of Adam for
    each, of rate `learning_rate`. `margin` is κ, in total squared error."""

    kind: Literal["carlini_wagner"]
    start: PositiveFloat
    least: PositiveFloat
    most: PositiveFloat
    searches: Positive
    iterations: Positive
    learning_rate: PositiveFloat
    margin: Annotated[float, Field(ge=0)]

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.least <= self.start <= self.most:
            raise ValueError(f"start: {self.start}, must lie between least = {self.least} and most = {self.most}")
        return self


@ATTACKS.register("carlini_wagner")
class CarliniWagner(Attack[CarliniWagnerSettings]):
    """The smallest vector met in any of the searches that breaks the image; all images side by side."""

    Settings = CarliniWagnerSettings
    requires = frozenset({"gradient"})

    def run(self, target: Target) -> AttackResult:
        settings = self.settings
        result = untouched(target)
        rows = (~result.success).nonzero().squeeze(1)
        if not len(rows):
            return result
        chosen = target.take(rows)
        found = untouched(chosen)
        constant = found.mse.new_full((len(rows),), settings.start)
        low, high = torch.zeros_like(constant), torch.full_like(constant, torch.inf)
        for _ in range(settings.searches):
            found, broken = _minimize(chosen, found, constant, settings)
            low, high = torch.where(broken, low, constant), torch.where(broken, constant, high)
            # between a c that fails and one that succeeds; else tenfold up or down
            constant = torch.where(high.isinf(), 10 * low, torch.where(low == 0, high / 10, (low * high).sqrt()))
            constant = constant.clamp(settings.least, settings.most)
        return update(result, rows, found)


def _minimize(
    target: Target, found: AttackResult, constant: torch.Tensor, settings: CarliniWagnerSettings
) -> tuple[AttackResult, torch.Tensor]:
    """Adam on the objective for one c per image; returns the better results, and whether this c broke the image.

    As in the authors' code an image is left alone once its objective stands still: ten times in a search it is asked
    whether the least objective fell since the last time.
    """
    rows, own = torch.arange(len(target), device=constant.device), found
    succeeded = torch.zeros_like(found.success)
    current, first, second = (torch.zeros_like(target.received) for _ in range(3))
    least = before = torch.full_like(constant, torch.inf, dtype=torch.float64)
    values = target.images[0].numel()
    limit = values * target.threshold + settings.margin
    check = max(1, settings.iterations // _CHECKS)
    for taken in range(1, settings.iterations + 1):
        mse, gradient = target.gradient(current)
        broken = mse >= target.threshold
        own = better(own, current, broken, mse)
        succeeded[rows] |= broken
        short = (limit - values * mse).clamp_min(0.0)
        least = torch.minimum(least, power_total(current) + constant * short)
        weight = (short > 0).float() * constant * values
        slope = 2 * current - weight[:, None] * gradient
        first = _DECAY * first + (1 - _DECAY) * slope
        second = _DECAY_SQUARED * second + (1 - _DECAY_SQUARED) * slope.square()
        step = first / (1 - _DECAY**taken) / ((second / (1 - _DECAY_SQUARED**taken)).sqrt() + _EPSILON)
        current = current - settings.learning_rate * step
        if taken % check == 0:
            moving = (least < (1 - _STANDSTILL) * before).nonzero().squeeze(1)
            before = least
            if len(moving) < len(rows):
                found = update(found, rows, own)
                rows, target = rows[moving], target.take(moving)
                own = AttackResult(own.perturbation[moving], own.success[moving], own.mse[moving], own.steps[moving])
                current, first, second, least, before, constant = (
                    values[moving] for values in (current, first, second, least, before, constant)
                )
            if not len(rows):
                break
    return update(found, rows, own), succeeded
