"""Spoofing: towards the codeword of another image, whose checksum, if there is one, is valid.

A receiver that sees its checksum fail gives mid-grey, and that is near enough to some images not to break them. Half
way to another image's codeword and a little beyond, it reconstructs that image and knows of nothing wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import torch

from semrobust.attacks.base import Attack, AttackResult, Target, cheaper, squared_distances, untouched, update
from semrobust.attacks.search import first_crossing
from semrobust.config.registry import ATTACKS
from semrobust.config.settings import TRAFFIC, AttackSettings, Positive

_SHARES = tuple(step / 8 for step in range(2, 9))  # of the way


class SpoofingSettings(AttackSettings):
    """How many other images are tried for each one, the nearest codewords first, and bisections of the power."""

    kind: Literal["spoofing"]
    targets: Positive
    bisections: Positive


@ATTACKS.register("spoofing")
class Spoofing(Attack[SpoofingSettings]):
    """The least power along the lines to the codewords of other attacked images that would break the image.

    At its end such a line always succeeds: the receiver gets the other codeword as if sent without noise. Where the
    whole batch has no other far enough from the image, nothing is tried.
    """

    Settings = SpoofingSettings
    requires = frozenset({"soft_bits"})
    knows = TRAFFIC

    def run(self, target: Target) -> AttackResult:
        (result,) = self.run_all([target])
        return result

    def run_all(self, batches: Sequence[Target]) -> Iterator[AttackResult]:
        sent = [(batch.sent.codewords[batch.sent.feasible], batch.as_sent()[batch.sent.feasible]) for batch in batches]
        offered: dict[int, list[torch.Tensor]] = {}
        for length in {codewords.shape[1] for codewords, _ in sent}:  # files differ in length
            fitting = [pair for pair in sent if pair[0].shape[1] == length]
            offered[length] = [torch.cat(parts) for parts in zip(*fitting, strict=True)]
        for batch in batches:
            yield self._towards(batch, *offered[batch.received.shape[1]])

    def _towards(self, target: Target, codewords: torch.Tensor, answers: torch.Tensor) -> AttackResult:
        """The cheapest of the lines to `codewords` (M, N), of which the receiver makes the `answers`."""
        breaks = target.broken_by(answers)
        distance = torch.where(breaks, squared_distances(target.received, codewords), torch.inf)
        nearest, order = distance.sort(dim=1, stable=True)
        result = untouched(target)
        for rank in range(min(self.settings.targets, len(codewords))):
            rows = nearest[:, rank].isfinite().nonzero().squeeze(1)
            if not len(rows):
                break
            chosen = target.take(rows)
            lines = codewords[order[rows, rank]] - chosen.received

            def path(share: torch.Tensor, at: torch.Tensor, lines: torch.Tensor = lines) -> torch.Tensor:
                return share[:, None] * lines[at]

            found = first_crossing(chosen, path, _SHARES, self.settings.bisections)
            result = update(result, rows, cheaper(result.take(rows), found))
        return result
