"""Gradient ascent through belief propagation: the classical decoder is differentiable too.

Two starts, and the better result per word: from nothing, by steps of fixed length against the soft minimum of the
posteriors after a few unrolled iterations, until the real decoder fails; and from the vulnerable set attack, if the
code's structure is known. Both are then refined along the derivative (`refine.descend`), which also prunes. Gradients
are those of belief propagation alone; whether a vector succeeds is asked of the whole receiver, a retry included.
"""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field

from semrobust.attacks.base import Target
from semrobust.attacks.code.refine import descend, jitter, through_decoder
from semrobust.attacks.code.vulnerable_set import VulnerableSet, VulnerableSetSettings
from semrobust.attacks.code.words import WordAttack, Words, norms, smallest_scale, words_of
from semrobust.config.registry import ATTACKS
from semrobust.config.settings import AttackSettings, Positive, PositiveFloat


class BPGradientSettings(AttackSettings):
    """`step` is the length of an ascent step, `depth` the iterations unrolled in it; `from_sets` also starts from
    vulnerable sets, with the settings of that attack; `rounds` of refinement at each of `depths`."""

    kind: Literal["bp_gradient"]
    step: PositiveFloat
    max_steps: Annotated[int, Field(ge=0)]
    depth: Positive
    depths: Annotated[list[Positive], Field(min_length=1)]
    rounds: Annotated[int, Field(ge=0)]
    bisections: Positive
    from_sets: bool
    sets: Positive
    candidates: Positive
    set_rounds: Annotated[int, Field(ge=0)]
    trials: Positive


@ATTACKS.register("bp_gradient")
class BPGradient(WordAttack[BPGradientSettings]):
    """White-box attack through the unrolled decoder."""

    Settings = BPGradientSettings
    knows_structure = True

    def __init__(self, settings: BPGradientSettings) -> None:
        super().__init__(settings)
        self._sets = VulnerableSet(
            VulnerableSetSettings(
                kind="vulnerable_set",
                label=settings.label,
                sets=settings.sets,
                candidates=settings.candidates,
                bisections=settings.bisections,
                rounds=0,
                trials=settings.trials,
            )
        )

    def search(self, words: Words) -> torch.Tensor:
        settings = self.settings
        best = self._refined(words, self._ascend(words))
        if settings.from_sets and words.structure is not None:
            started = self._refined(words, self._sets.search(words))
            best = torch.where((norms(started) < norms(best))[:, None], started, best)
        return best

    def vanished(self, target: Target) -> torch.Tensor:
        words = words_of(target)
        slope = through_decoder(words, torch.zeros_like(words.received), words.rows, self.settings.depth)
        return (slope == 0).all(dim=1).reshape(len(target), -1).all(dim=1)

    def _ascend(self, words: Words) -> torch.Tensor:
        """Vectors (W, M) grown step by step until each word fails, scaled to the boundary; infinite where none does."""
        settings = self.settings
        vectors = torch.zeros_like(words.received)
        active = words.rows
        for _ in range(settings.max_steps):
            slope = through_decoder(words, vectors[active], active, settings.depth)
            vectors[active] -= settings.step * slope / norms(slope).clamp_min(1e-12)[:, None]
            active = active[~words.fails(vectors[active], active)]
            if not len(active):
                break
        scale = smallest_scale(words, vectors, words.rows, torch.ones(len(words)), settings.bisections)
        return torch.where(scale.isfinite()[:, None], scale[:, None] * vectors, torch.inf)

    def _refined(self, words: Words, vectors: torch.Tensor) -> torch.Tensor:
        settings = self.settings
        rows = vectors.isfinite().all(dim=1).nonzero().squeeze(1)
        if len(rows):
            smaller = descend(words, vectors[rows], rows, settings.rounds, tuple(settings.depths))
            vectors[rows] = jitter(words, smaller, rows, settings.set_rounds, settings.trials)
        return vectors
