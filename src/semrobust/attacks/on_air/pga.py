"""Progressive gradient ascent (PGA) on a differentiable receiver (zhang2026, second-hand settings)."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import torch
from pydantic import Field

from semrobust.attacks.base import Attack, AttackResult, Target, update
from semrobust.config.registry import ATTACKS
from semrobust.config.settings import AttackSettings, Positive, PositiveFloat
from semrobust.phy.power import normalize_power


class PGASettings(AttackSettings):
    """Step length α and ε of the normalized step, the step limit, and the bisections along the last step."""

    kind: Literal["pga"]
    step: PositiveFloat
    epsilon: PositiveFloat
    max_steps: Positive
    bisections: Annotated[int, Field(ge=0, le=30)]


@ATTACKS.register("pga")
class PGA(Attack[PGASettings]):
    """s <- s + α g/(||g|| + ε) from s = 0, g the gradient of the squared error, stopped at the first crossing of D*.

    `bisections: 0` is the paper's attack. With bisections the last step is shortened to the crossing, which can only
    lower the power within one step length. Where the gradient is exactly 0 the step goes along the image's own random
    direction: an image that is left alone would pass for one that needs no power.
    """

    Settings = PGASettings
    requires = frozenset({"gradient"})

    def run(self, target: Target) -> AttackResult:
        settings = self.settings
        count = len(target)
        nothing = torch.zeros_like(target.received)
        active, current, last_step = torch.arange(count, device=nothing.device), nothing, nothing.clone()
        result = AttackResult(
            nothing,
            torch.zeros_like(active, dtype=torch.bool),
            torch.zeros_like(nothing[:, 0]),
            torch.zeros_like(active),
        )
        aside = normalize_power(target.directions) / math.sqrt(target.received.shape[1])
        for taken in range(settings.max_steps + 1):
            # one pass tests s and prepares the next step, since its images are what the receiver reconstructs
            mse, gradient = target.take(active).gradient(current)
            broken = mse >= target.threshold
            result = update(result, active, AttackResult(current, broken, mse, torch.full_like(active, taken)))
            active, gradient = active[~broken], gradient[~broken]
            if not len(active) or taken == settings.max_steps:
                break
            step = settings.step * gradient / (gradient.norm(dim=1, keepdim=True) + settings.epsilon)
            blind = (gradient == 0).all(dim=1, keepdim=True)
            step = torch.where(blind, settings.step * aside[active], step)
            current = current[~broken] + step
            last_step[active] = step
        return self._refine(target, result, last_step, settings.bisections)

    @staticmethod
    def _refine(target: Target, result: AttackResult, step: torch.Tensor, bisections: int) -> AttackResult:
        """Bisect t in s - t·step for the largest t that still breaks the image."""
        rows = (result.success & (result.steps > 0)).nonzero().squeeze(1)
        if not len(rows) or not bisections:
            return result
        end, step = result.perturbation[rows], step[rows]
        low, high = torch.zeros_like(result.mse[rows]), torch.ones_like(result.mse[rows])
        for _ in range(bisections):
            back = (low + high) / 2
            tried = end - back[:, None] * step
            mse = target.distortion(tried, rows)
            broken = mse >= target.threshold
            # stepping back lowers the norm except for a strongly curved path; then the longer vector is not kept
            shorter = tried.norm(dim=1) < result.perturbation[rows].norm(dim=1)
            keep = broken & shorter
            found = AttackResult(
                torch.where(keep[:, None], tried, result.perturbation[rows]),
                torch.ones_like(keep),
                torch.where(keep, mse, result.mse[rows]),
                result.steps[rows] + 1,
            )
            result = update(result, rows, found)
            low, high = torch.where(broken, back, low), torch.where(broken, high, back)
        return result
