"""When an attack on a sample succeeds: a criterion, asked of a batch under attack."""

from __future__ import annotations

from dataclasses import replace

import torch

from semrobust.attacks.base import Target
from semrobust.config.criteria import CriterionSettings
from semrobust.config.settings import LEVELS


def threshold(criterion: CriterionSettings, clean: torch.Tensor) -> torch.Tensor:
    """Mean squared error D* per image under a relative criterion, from that without an attack `clean` (B,)."""
    if criterion.below_clean_db is not None:
        factor: float = 10.0 ** (criterion.below_clean_db / 10.0)
        return clean * factor
    assert criterion.rise_levels is not None
    return (clean.sqrt() + criterion.rise_levels / LEVELS).square()


def under(criterion: CriterionSettings, target: Target) -> Target:
    """The batch with the D* of a criterion. Where each image has its own, its distortions are multiples of it."""
    if criterion.below_clean_db is None and criterion.rise_levels is None:
        limit = target.system.source.success(criterion, target.images)
        return replace(target, threshold=limit.threshold, unit=limit.unit)
    clean = replace(target, unit=None).distortion(torch.zeros_like(target.received))
    return replace(target, threshold=1.0, unit=threshold(criterion, clean).clamp_min(_LEAST))


_LEAST = 1e-12  # a receiver without any error is broken by the least one
