"""What an attacker raises, per image: logits (B, K) and labels (B,) int64 -> (B,) float32.

`margin` and `dlr` are above 0 where another class wins, and have a gradient where cross entropy is flat: at logits so
far apart that its softmax is 0 or 1 in float32.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from semrobust.config.noise import Loss

_LEAST = 1e-12  # of the difference that `dlr` divides by


def cross_entropy(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """-log softmax(z)_y, in nats."""
    return torch.nn.functional.cross_entropy(logits.float(), labels, reduction="none")


def margin(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """max_{i≠y} z_i - z_y (Carlini, Wagner 2017)."""
    logits = logits.float()
    own = torch.nn.functional.one_hot(labels, logits.shape[1]).bool()
    return logits.masked_fill(own, -torch.inf).amax(1) - logits[own]


def dlr(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The margin over z_(1) - z_(3), the largest logit less the third (Croce, Hein 2020, eq. 6): a shift and a positive
    scale of all logits change nothing. At least three classes."""
    ranked = logits.float().topk(3, dim=1).values
    return margin(logits, labels) / (ranked[:, 0] - ranked[:, 2] + _LEAST)


LOSSES: dict[Loss, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "cross_entropy": cross_entropy,
    "margin": margin,
    "dlr": dlr,
}
