"""Searches along a path of rising power, shared by attacks that fix a direction first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch

from semrobust.attacks.base import Attack, AttackResult, Target, better, untouched, update
from semrobust.phy.power import normalize_power

_LIMITS_PSR_DB, _STEP_DB = (-20.0, 20.0), 1.0  # powers along a random direction

Path = Callable[["torch.Tensor", "torch.Tensor"], "torch.Tensor"]
"""(strengths (b,), rows (b,)) -> perturbations (b, N); the power rises with the strength, 0 gives none."""


def first_crossing(target: Target, path: Path, strengths: Sequence[float], bisections: int) -> AttackResult:
    """Raise the strength along `strengths` until each image is broken, then bisect the last interval.

    Distortion need not be monotone along a path, so the first crossing on the grid is refined, and only strengths
    that were decoded and seen to break the image are ever returned. Images that channel noise alone breaks get no
    perturbation; images that withstand the last strength are censored there.
    """
    result = untouched(target)
    rows = (~result.success).nonzero().squeeze(1)
    low, high = torch.zeros_like(result.mse), torch.zeros_like(result.mse)
    for strength in strengths:
        if not len(rows):
            break
        found = _try(target, path, low.new_full((len(rows),), strength), rows, result)
        result = update(result, rows, found)
        high[rows[found.success]] = strength
        rows = rows[~found.success]
        low[rows] = strength
    rows = (result.success & (high > 0)).nonzero().squeeze(1)
    for _ in range(bisections if len(rows) else 0):
        middle = (low[rows] + high[rows]) / 2
        found = _try(target, path, middle, rows, result)
        broken = found.success
        keep = AttackResult(
            torch.where(broken[:, None], found.perturbation, result.perturbation[rows]),
            torch.ones_like(broken),
            torch.where(broken, found.mse, result.mse[rows]),
            found.steps,
        )
        result = update(result, rows, keep)
        high[rows] = torch.where(broken, middle, high[rows])
        low[rows] = torch.where(broken, low[rows], middle)
    return result


def attacked(attack: Attack[Any], batches: Sequence[Target]) -> Iterator[AttackResult]:
    """Results of all images at one SNR, batch after batch; every image that is not broken withstood something.

    Where the attack tried nothing (it saw no gradient, or no word to break), the image's own random direction is raised
    to 20 dB above the signal. Else such an image would count with power 0, as if it needed none.
    """
    for target, result in zip(batches, attack.run_all(batches), strict=True):
        rows = (~result.success & (result.power_total == 0)).nonzero().squeeze(1)
        yield update(result, rows, _raised(target.take(rows), result.steps[rows])) if len(rows) else result


def _raised(target: Target, steps: torch.Tensor) -> AttackResult:
    """The least of the powers along each image's own random direction that breaks it, or the largest."""
    direction, found = normalize_power(target.directions), untouched(target)
    for scale in amplitudes(*_LIMITS_PSR_DB, _STEP_DB):
        mse = target.distortion(scale * direction)
        found = better(found, scale * direction, mse >= target.threshold, mse)
    return replace(found, steps=found.steps + steps)


def _try(target: Target, path: Path, strengths: torch.Tensor, rows: torch.Tensor, result: AttackResult) -> AttackResult:
    perturbation = path(strengths, rows)
    mse = target.distortion(perturbation, rows)
    return AttackResult(perturbation, mse >= target.threshold, mse, result.steps[rows] + 1)


def amplitudes(start_psr_db: float, stop_psr_db: float, step_db: float) -> list[float]:
    """Rising factors for a direction of unit power per use, from `start_psr_db` to `stop_psr_db` inclusive."""
    count = round((stop_psr_db - start_psr_db) / step_db)
    return [10.0 ** ((start_psr_db + index * step_db) / 20.0) for index in range(count + 1)]
