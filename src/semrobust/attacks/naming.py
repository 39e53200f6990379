"""A classifier under attack on the air: the attack succeeds where another class wins."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch

from semrobust.attacks.base import Target
from semrobust.attacks.image.losses import margin
from semrobust.systems.classification import ClassifyingSystem
from semrobust.systems.draw import Randomness


@dataclass(frozen=True, kw_only=True)
class NamedTarget(Target):
    """A batch of images of equal length on their way to a receiver of classes.

    `labels` (B,) int64; `draw` of the batch, for masks. The distortion is the lead of the best wrong class in logits
    and D* is 0: attacks that raise a distortion to D* need know no more. A tie counts as wrong.
    """

    labels: torch.Tensor
    draw: Randomness

    @property
    def receiver(self) -> ClassifyingSystem[Any]:
        """`system`, as what it is."""
        assert isinstance(self.system, ClassifyingSystem)
        return self.system

    def take(self, rows: torch.Tensor) -> Target:
        part = super().take(rows)
        return replace(part, labels=self.labels[rows], draw=self.draw.take(rows))  # type: ignore[call-arg]

    def distortion(self, perturbation: torch.Tensor, rows: torch.Tensor | None = None) -> torch.Tensor:
        target = self if rows is None else self.take(rows)
        assert isinstance(target, NamedTarget)
        with torch.no_grad():
            logits = self.receiver.listen(target.received + perturbation, self.noise_variance, target.draw)
        return margin(logits, target.labels)

    def gradient(self, perturbation: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        received = (self.received + perturbation).requires_grad_(True)
        lead = margin(self.receiver.listen(received, self.noise_variance, self.draw), self.labels)
        (gradient,) = torch.autograd.grad(lead.sum(), received)
        return lead.detach(), gradient

    def as_sent(self) -> torch.Tensor:
        with torch.no_grad():
            return self.receiver.listen(self.sent.codewords, self.noise_variance, self.draw).argmax(1)

    def broken_by(self, answers: torch.Tensor) -> torch.Tensor:
        return self.labels[:, None] != answers[None]

    def breakable(self) -> torch.Tensor:
        lost = self.receiver.lost()
        return torch.ones_like(self.labels, dtype=torch.bool) if lost is None else lost.argmax() != self.labels

    def quality(self, distortion: torch.Tensor) -> torch.Tensor:
        return torch.full_like(distortion, torch.nan, dtype=torch.float64)
