"""Adaptive coding and modulation: the best of several baselines, without scoring a choice on what it was made on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from semrobust.tables.statistics import Values


@dataclass(frozen=True)
class CrossFitted:
    """`values` (images,) of the chosen candidate; `even` and `odd`: the candidate that such images are scored with."""

    values: Values
    even: str
    odd: str


def cross_fitted(candidates: Mapping[str, Values]) -> CrossFitted:
    """Choose the candidate of the highest mean on the odd images, score it on the even ones, and the other way round.

    `candidates` holds one value per image and candidate, images in the same order (images,). The first one wins a tie.
    Test images are shuffled, so every other image is a random half. A single image is scored with its own choice.
    """
    even = np.arange(len(next(iter(candidates.values())))) % 2 == 0

    def best(half: np.typing.NDArray[np.bool_]) -> str:
        return max(candidates, key=lambda name: candidates[name][half].mean())

    chosen = best(~even if (~even).any() else even), best(even)
    return CrossFitted(np.where(even, candidates[chosen[0]], candidates[chosen[1]]), *chosen)
