"""Minimum-norm attack on a differentiable receiver: direction and norm of the perturbation are searched apart.

Decoupled direction and norm (Rony et al. 2019, arXiv 1811.09600), made for a distortion target instead of a label: each
step goes along the gradient of the squared error, then the norm is set, a little smaller if the image was broken, a
little larger if not. So the search walks along the boundary of success instead of stopping where it first meets it,
which is what gradient ascent does. Several random starts, since that boundary has many nearest points.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

import torch
from pydantic import Field

from semrobust.attacks.base import Attack, AttackResult, Target, better, untouched, update
from semrobust.config.registry import ATTACKS
from semrobust.config.settings import AttackSettings, Decibel, Positive, PositiveFloat
from semrobust.phy.power import normalize_power, power_from_psr_db
from semrobust.pipeline import seeds

_FLOOR = 0.02  # where the cosine schedules of step length and shrinkage end, as a share of their beginning


class MinimumNormSettings(AttackSettings):
    """`starts` random directions of power `start_psr_db`, `iterations` steps from each, of length `step` at first; the
    norm changes by the share `shrink` at first. At the end the best vector is shortened by `bisections`."""

    kind: Literal["minimum_norm"]
    starts: Positive
    iterations: Positive
    start_psr_db: Decibel
    step: PositiveFloat
    shrink: Annotated[float, Field(gt=0, lt=1)]
    bisections: Annotated[int, Field(ge=0, le=30)]


@ATTACKS.register("minimum_norm")
class MinimumNorm(Attack[MinimumNormSettings]):
    """The smallest vector over all starts and steps that was seen to break the image."""

    Settings = MinimumNormSettings
    requires = frozenset({"gradient"})

    def run(self, target: Target) -> AttackResult:
        settings = self.settings
        result = untouched(target)
        rows = (~result.success).nonzero().squeeze(1)
        if not len(rows):
            return result
        chosen = target.take(rows)
        found = untouched(chosen)
        length = power_from_psr_db(settings.start_psr_db, target.received.shape[1]) ** 0.5
        for start in _starts(chosen.directions, settings.starts, target.seed):
            found = _descend(chosen, found, length * start, settings)
        return update(result, rows, _shorten(chosen, found, settings.bisections))


def _starts(directions: torch.Tensor, count: int, seed: int) -> list[torch.Tensor]:
    """Unit vectors (B, N): each image's own random direction with its entries shuffled and their signs changed.

    All images share shuffles and signs, which the root seed draws, so no image's starts depend on its batch.
    """
    uses, made = directions.shape[1], []
    unit = normalize_power(directions) / math.sqrt(uses)
    stream = seeds.generator(seed, "attack", "minimum_norm")
    for _ in range(count):
        order = torch.from_numpy(stream.permutation(uses)).to(unit.device)
        signs = torch.from_numpy(stream.choice([-1.0, 1.0], uses).astype("float32"))
        made.append(unit[:, order] * signs.to(unit.device))
    return made


def _descend(target: Target, found: AttackResult, start: torch.Tensor, settings: MinimumNormSettings) -> AttackResult:
    """One walk from `start` (B, N); returns `found` with every image replaced for which it met a smaller vector.

    Of an image without any success the largest vector is kept, which is what censored results hold.
    """
    current, norm = start, start.norm(dim=1)
    for taken in range(settings.iterations):
        mse, gradient = target.gradient(current)
        broken = mse >= target.threshold
        found = better(found, current, broken, mse)
        share = _FLOOR + (1 - _FLOOR) * 0.5 * (1 + math.cos(math.pi * taken / settings.iterations))
        moved = current + settings.step * share * _unit(gradient)
        norm = norm * torch.where(broken, 1 - settings.shrink * share, 1 + settings.shrink * share)
        current = _unit(moved) * norm[:, None]
    return found


def _shorten(target: Target, found: AttackResult, bisections: int) -> AttackResult:
    """Scale successful vectors down to where the image is only just broken."""
    low, high = torch.zeros_like(found.mse), torch.ones_like(found.mse)
    whole = found.perturbation
    for _ in range(bisections):
        middle = (low + high) / 2
        tried = torch.where(found.success, middle, 1.0)[:, None] * whole
        mse = target.distortion(tried)
        broken = (mse >= target.threshold) & found.success
        found = better(found, tried, broken, mse)
        low, high = torch.where(broken, low, middle), torch.where(broken, middle, high)
    return found


def _unit(vectors: torch.Tensor) -> torch.Tensor:
    unit: torch.Tensor = vectors / vectors.norm(dim=1, keepdim=True).clamp_min(1e-12)
    return unit
