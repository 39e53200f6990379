"""Greedy bit selection with the decoder's feedback: push, bit by bit, what costs the pushed bits most of their trust.

The paper compares with a search called GMS, which we know by name only; this is our reading of it, a greedy search of
least cost over bits. It knows the decoder but nothing of the code's structure. From each of a few first bits a
selection grows: the bits whose push would lower the posteriors of the selection most, to first order, are tried on a
few decoder iterations, and the best one joins, until the word fails. So a selection seeks the bits that share checks
with it, and what grows are trapping sets and codewords.
"""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field

from semrobust.attacks.code.selection import Pushes, settle
from semrobust.attacks.code.words import WordAttack, Words
from semrobust.config.registry import ATTACKS
from semrobust.config.settings import AttackSettings, Positive, PositiveFloat
from semrobust.phy.power import power_total

_SLACK = 1.5  # scaling and dropping bits later saves about a third of the power: up to here a selection may still win


class GreedyBitsSettings(AttackSettings):
    """`amplitudes` of a push, 1 = from the level onto the decision boundary; large ones first, as they fail soonest.

    `starts` first bits per word, the least trusted ones; `candidates` tried on the decoder per step, over `depth`
    iterations; at most `max_bits` are pushed; `bisections` of the power in the end.
    """

    kind: Literal["greedy_bits"]
    amplitudes: Annotated[list[PositiveFloat], Field(min_length=1)]
    starts: Positive
    candidates: Positive
    depth: Positive
    max_bits: Positive
    bisections: Positive


@ATTACKS.register("greedy_bits")
class GreedyBits(WordAttack[GreedyBitsSettings]):
    """Grow a selection from every start at every amplitude; keep the cheapest vector of each word."""

    Settings = GreedyBitsSettings

    def search(self, words: Words) -> torch.Tensor:
        settings = self.settings
        cheapest = torch.full((len(words),), torch.inf, dtype=torch.float64)
        grown = [_grow(Pushes.of(words, amplitude), settings, cheapest) for amplitude in settings.amplitudes]
        vectors, rows = (torch.cat(parts) for parts in zip(*grown, strict=True))
        return settle(words, vectors, rows, settings.bisections)


def _grow(pushes: Pushes, settings: GreedyBitsSettings, cheapest: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Failing vectors (w, M) and their words (w,); `cheapest` (W,), the least power per word, is updated."""
    words = pushes.words
    chosen = _starts(pushes, settings)
    rows = words.rows.repeat_interleave(len(chosen) // len(words))
    _, _, gain = pushes.response(chosen, rows, settings.depth)
    vectors, owners = [], []
    for size in range(1, settings.max_bits + 1):
        moved = pushes.vectors(chosen, rows)
        failed = words.fails(moved, rows)
        vectors.append(moved[failed])
        owners.append(rows[failed])
        cheapest.scatter_reduce_(0, rows[failed], power_total(moved[failed]), "amin")
        live = ~failed & (power_total(moved) <= _SLACK * cheapest[rows])
        if size == settings.max_bits or not live.any():
            break
        chosen, rows, gain = _add_best(pushes, chosen[live], rows[live], gain[live], settings)
    return torch.cat(vectors), torch.cat(owners)


def _starts(pushes: Pushes, settings: GreedyBitsSettings) -> torch.Tensor:
    """The first selections (W·starts, n) bool: the bits that the decoder, left alone, trusts least."""
    words, code = pushes.words, pushes.words.decoder.code
    nothing = torch.zeros(words.bits.shape, dtype=torch.bool)
    posterior, _, _ = pushes.response(nothing, words.rows, settings.depth)
    trust = posterior[:, torch.from_numpy(code.channel_nodes)] * words.signs
    first = trust.topk(min(settings.starts, code.n), dim=1, largest=False).indices
    return torch.nn.functional.one_hot(first.flatten(), code.n).bool()


def _add_best(
    pushes: Pushes, chosen: torch.Tensor, rows: torch.Tensor, gain: torch.Tensor, settings: GreedyBitsSettings
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The selections (w, n) with one more bit each, their words `rows` (w,) and their gains (w, n)."""
    free = gain.masked_fill(chosen, -torch.inf)
    tried = min(settings.candidates, free.shape[1])
    bits = free.topk(tried, dim=1).indices.flatten()
    larger = chosen.repeat_interleave(tried, dim=0)
    larger[torch.arange(len(bits)), bits] = True
    _, trust, gain = pushes.response(larger, rows.repeat_interleave(tried), settings.depth)
    best = trust.reshape(-1, tried).argmin(dim=1) + tried * torch.arange(len(rows))
    return larger[best], rows, gain[best]
