"""A receiver that reconstructs images under semantic noise: whether it is broken, as a question with two answers."""

from __future__ import annotations

from typing import Any

import torch

from semrobust.systems.base import System
from semrobust.systems.distortion import mean_squared_error
from semrobust.systems.draw import Draw, Randomness
from semrobust.systems.over_air import shown

FINE = 0
"""The answer that the attacker must change; the other one is that the image is broken."""


class Threshold:
    """A `Classifier` of two answers, with the logits D* and D: the margin of being broken is D - D*.

    D is the mean squared error between the reconstruction of the noisy image, nothing lost on the air, and the
    *clean* original: so all semantic noise that there is against classifiers can be made against it.

    Parameters: `originals` (n,3,H,W) in [0,1], of which a draw numbers its images; `threshold` D*; `temperature` as in
    `systems.over_air.shown`.
    """

    def __init__(
        self, system: System[Any], originals: torch.Tensor, threshold: float, temperature: float | None
    ) -> None:
        self.system, self.originals, self.threshold, self.temperature = system, originals, threshold, temperature

    def __call__(self, images: torch.Tensor, draw: Randomness, /) -> torch.Tensor:
        assert isinstance(draw, Draw)
        distortion = mean_squared_error(shown(self.system, images, self.temperature), self.originals[draw.numbers])
        return torch.stack([torch.full_like(distortion, self.threshold), distortion], dim=1)
