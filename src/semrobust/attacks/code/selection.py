"""Attacks that choose bits: each chosen bit is pushed by one fixed amplitude, and what is not needed is taken back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from semrobust.attacks.code.words import Words, smallest_scale
from semrobust.phy.power import power_total


@dataclass(frozen=True)
class Pushes:
    """How the bits of a batch of words are pushed.

    `use` (n,) int64, the use that carries each bit: it is pushed against the slope of the bit's LLR towards the truth;
    `amplitude` of one push, in real units.
    """

    words: Words
    use: torch.Tensor
    amplitude: float

    @classmethod
    def of(cls, words: Words, amplitude: float) -> Pushes:
        """`amplitude` in half distances of neighbouring levels: 1 moves a use from its level onto the boundary."""
        use = torch.from_numpy(words.modulation.bit_use(words.bits.shape[1]))
        half = float(np.diff(np.sort(words.modulation.levels)).min()) / 2.0
        return cls(words, use, amplitude * half)

    def vectors(self, chosen: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        """Perturbations (w, M) that push the bits `chosen` (w, n) bool of the words `rows` (w,)."""
        moved = torch.zeros(len(rows), self.words.received.shape[1])
        return moved.index_add_(1, self.use, -self.amplitude * self.words.slopes[rows].sign() * chosen)

    def response(
        self, chosen: torch.Tensor, rows: torch.Tensor, depth: int
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """What `depth` decoder iterations make of the pushes on `chosen` (w, n).

        Posteriors (w, nodes), positive for 0; the trust left, (w,), which is the sum of the chosen bits' posteriors
        towards the truth; and by how much a push on each bit would lower it, (w, n), to first order.
        """
        words, decoder = self.words, self.words.decoder
        signs = words.signs[rows]
        weights = torch.zeros(len(rows), decoder.code.nodes)
        weights[:, torch.from_numpy(decoder.code.channel_nodes)] = chosen * signs
        posterior, slope = decoder.gradient(words.llr(self.vectors(chosen, rows), rows), weights, depth)
        return (
            posterior,
            (posterior * weights).sum(dim=1),
            self.amplitude * self.words.slopes[rows].abs() * signs * slope,
        )


def settle(words: Words, vectors: torch.Tensor, rows: torch.Tensor, bisections: int) -> torch.Tensor:
    """The cheapest vector of each word, (W, M), after making all `vectors` (w, M) smaller; infinite where none fails.

    A word may stand in `rows` (w,) many times. Each vector is scaled down to where it just fails, freed of the uses
    without which it still fails, and scaled down again.
    """
    result = torch.full_like(words.received, torch.inf)
    if len(rows):
        failing = words.fails(vectors, rows)
        vectors, rows = vectors[failing], rows[failing]
    if not len(rows):
        return result
    vectors = _shrink(words, vectors, rows, bisections)
    _drop(words, vectors, rows)
    vectors = _shrink(words, vectors, rows, bisections)
    # by falling power, so that of a word's vectors the cheapest is written last
    for at in power_total(vectors).argsort(descending=True, stable=True).tolist():
        result[rows[at]] = vectors[at]
    return result


def _shrink(words: Words, vectors: torch.Tensor, rows: torch.Tensor, bisections: int) -> torch.Tensor:
    return vectors * smallest_scale(words, vectors, rows, torch.ones(len(rows)), bisections)[:, None]


def _drop(words: Words, vectors: torch.Tensor, rows: torch.Tensor) -> None:
    """Zero, in place and one after the other, the entries without which a vector still fails; one entry always stays,
    as a vector of zeros gives no direction to raise."""
    moved = vectors != 0
    order = moved.int().argsort(dim=1, descending=True, stable=True)
    count = moved.sum(dim=1)
    for turn in range(int(count.max())):
        live = ((count > turn) & ((vectors != 0).sum(dim=1) > 1)).nonzero().squeeze(1)
        if not len(live):
            break
        without = vectors[live].scatter(1, order[live, turn, None], 0.0)
        failed = words.fails(without, rows[live])
        vectors[live[failed]] = without[failed]
