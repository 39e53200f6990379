"""Greedy bit flipping on a bit-based system: the bits that the receiver is least sure of go first."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field

from semrobust.attacks.base import Attack, AttackResult, Target, cheaper
from semrobust.attacks.search import first_crossing
from semrobust.config.registry import ATTACKS
from semrobust.config.settings import SENT, AttackSettings, Positive, PositiveFloat


class LeastReliableSettings(AttackSettings):
    """`margins`: how far a use is moved, 1 = onto the nearest constellation level with the wrong bit.

    `grid` numbers of flipped bits are tried, rising geometrically, before bisecting the number and then the scale.
    """

    kind: Literal["least_reliable_bits"]
    margins: Annotated[list[PositiveFloat], Field(min_length=1)]
    grid: Annotated[int, Field(ge=2)]
    bisections: Positive


@ATTACKS.register("least_reliable_bits")
class LeastReliableBits(Attack[LeastReliableSettings]):
    """Flip the k correct bits of least |LLR|, k as small as fails; keep the cheapest margin of each image."""

    Settings = LeastReliableSettings
    requires = frozenset({"soft_bits"})
    knows = SENT

    def run(self, target: Target) -> AttackResult:
        settings = self.settings
        ranks = _ranks(target)
        bits = ranks.shape[1]
        counts = [bits ** (step / (settings.grid - 1)) for step in range(settings.grid)]
        best: AttackResult | None = None
        for margin in settings.margins:

            def flip(count: torch.Tensor, rows: torch.Tensor, margin: float = margin) -> torch.Tensor:
                return margin * _displacement(target, ranks[rows] < count[:, None], rows)

            flipped = first_crossing(target, flip, counts, settings.bisections)
            vectors = flipped.perturbation

            def shrink(scale: torch.Tensor, rows: torch.Tensor, vectors: torch.Tensor = vectors) -> torch.Tensor:
                return scale[:, None] * vectors[rows]

            scaled = first_crossing(target, shrink, [1.0], settings.bisections)
            found = AttackResult(scaled.perturbation, scaled.success, scaled.mse, flipped.steps + scaled.steps)
            best = found if best is None else cheaper(best, found)
        assert best is not None
        return best


def _ranks(target: Target) -> torch.Tensor:
    """Place of each coded bit (B, n) in the order of rising |LLR|; bits that are already wrong come last."""
    bits, _ = target.sent.coded()
    sign = 1.0 - 2.0 * bits.float()
    reliability = target.system.soft_bits().llr(target.received, target.noise_variance) * sign
    reliability = torch.where(reliability > 0, reliability, torch.inf)
    return reliability.argsort(dim=1, stable=True).argsort(dim=1)


def _displacement(target: Target, flip: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """Vectors (b, N) from the received uses to the nearest level on which all bits of `flip` (b, n) are wrong.

    A use may carry several bits: its level must be wrong in each that is flipped and may be anything in the others.
    """
    modulation = target.system.soft_bits().modulation
    bits = target.sent.coded()[0][rows]
    use = torch.from_numpy(modulation.bit_use(bits.shape[1]))
    position = torch.from_numpy(modulation.bit_position(bits.shape[1]))
    shape = (len(rows), target.received.shape[1], modulation.bits_per_use)
    flips = torch.zeros(shape, dtype=torch.bool)
    truth = torch.zeros(shape, dtype=torch.uint8)
    flips[:, use, position] = flip
    truth[:, use, position] = bits
    received = target.received[rows]
    distance = torch.full(shape[:2], torch.inf)
    nearest = torch.zeros(shape[:2])
    for level, label in zip(modulation.levels, modulation.labels, strict=True):
        wrong = truth != torch.from_numpy(label.copy())
        gap = torch.where((wrong | ~flips).all(dim=2), (received - float(level)).abs(), torch.inf)
        nearest = torch.where(gap < distance, float(level), nearest)
        distance = torch.minimum(distance, gap)
    return torch.where(flips.any(dim=2), nearest - received, 0.0)
