"""The instanton attack: stored failing patterns of least energy, matched to each received word and fitted to it.

A pattern p of the code (`instanton.patterns`) fails the word without noise from a norm t on, measured at the receiver's
SNR. The boundary of the decoder stands at right angles to a vector of least energy, so noise moves the boundary along
the pattern only: for BPSK and QPSK, ||s|| ≈ t + p·w/||p||. The patterns that promise least, and the gradient at
what is received, all go down to the word's own boundary (`instanton.descent`). The shortest is refined there, along the
derivative at the word's own LLRs and at random (`refine`).
"""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field

from semrobust.attacks.code import refine
from semrobust.attacks.code.instanton.descent import Descent, descend, uphill
from semrobust.attacks.code.instanton.patterns import Patterns
from semrobust.attacks.code.instanton.search import quiet
from semrobust.attacks.code.vulnerable_set import promised
from semrobust.attacks.code.words import WordAttack, Words, norms, smallest_scale
from semrobust.config.registry import ATTACKS
from semrobust.config.settings import AttackSettings, Positive
from semrobust.pipeline import seeds

_TURN, _SHARE = (0.1, 0.01), (0.1, 0.003)
_DEPTH = 4  # unrolled iterations where no pattern is known, and so none that suits the code
_LEAST = 0.1  # norm at which a descent begins at least
_FARTHEST = 8.0  # times the norm it began with: up to where what does not get down is raised
_AHEAD = 1.5  # norm up to which a pattern is scaled on the word without noise, relative to where it was found


class InstantonsSettings(AttackSettings):
    """`candidates` patterns go down per word, in `steps`; then `refinements` of the shortest at each of `depths`, and
    `rounds` of `trials` random changes.

    `bisections` of the norm at which each pattern fails the word without noise.
    """

    kind: Literal["instantons"]
    candidates: Positive
    steps: Annotated[int, Field(ge=2)]
    bisections: Positive
    refinements: Annotated[int, Field(ge=0)]
    depths: Annotated[list[Positive], Field(min_length=1)]
    rounds: Annotated[int, Field(ge=0)]
    trials: Positive


@ATTACKS.register("instantons")
class Instantons(WordAttack[InstantonsSettings]):
    """Fit the patterns that promise least, if any are known, and the gradient at what is received, to each word."""

    Settings = InstantonsSettings
    knows_instantons = True

    def search(self, words: Words) -> torch.Tensor:
        settings, patterns = self.settings, words.patterns
        depth = _DEPTH if patterns is None else int(patterns.depth[0])
        length = torch.ones(len(words), 1)
        tried = -uphill(words, torch.zeros_like(words.received), words.rows, depth)[:, None]
        if patterns is not None:
            expected, pushes = _candidates(words, patterns, settings)
            tried = torch.cat([pushes, tried], dim=1)
            length = torch.cat([expected, expected.min(dim=1, keepdim=True).values], dim=1).clamp_min(_LEAST)
        count = tried.shape[1]
        begun = (length / tried.norm(dim=2).clamp_min(1e-12))[:, :, None] * tried
        rows = words.rows.repeat_interleave(count)
        descent = Descent(settings.steps, depth, _TURN, _SHARE)
        stream = seeds.generator(words.seed, "attack", "instantons")
        vectors = _shortest(descend(words, begun.flatten(0, 1), rows, descent, stream), count)
        lost = vectors.isinf().any(dim=1).nonzero().squeeze(1)
        vectors[lost] = _raised(words, begun[lost], lost, settings.bisections)
        failing = vectors.isfinite().all(dim=1).nonzero().squeeze(1)
        if len(failing):
            depths = tuple(settings.depths)
            shorter = refine.descend(words, vectors[failing], failing, settings.refinements, depths)
            vectors[failing] = refine.jitter(words, shorter, failing, settings.rounds, settings.trials)
        return vectors


def _shortest(vectors: torch.Tensor, count: int) -> torch.Tensor:
    """The shortest (w, M) of `count` vectors (w·count, M) of each word."""
    best = norms(vectors).reshape(-1, count).argmin(dim=1)
    return vectors.reshape(len(best), count, vectors.shape[1])[torch.arange(len(best)), best]


def _raised(words: Words, begun: torch.Tensor, rows: torch.Tensor, bisections: int) -> torch.Tensor:
    """The shortest vector (w, M) along begun (w, count, M) that fails each word, where all began far too short."""
    count, vectors = begun.shape[1], begun.flatten(0, 1)
    high = torch.full((len(vectors),), _FARTHEST)
    scale = smallest_scale(words, vectors, rows.repeat_interleave(count), high, bisections)[:, None]
    return _shortest(torch.where(scale.isfinite(), scale * vectors, torch.inf), count)


def _candidates(words: Words, patterns: Patterns, settings: InstantonsSettings) -> tuple[torch.Tensor, torch.Tensor]:
    """Expected norms (W, candidates) and directions (W, candidates, M) of the patterns that promise least."""
    word = quiet(words.decoder, words.noise_variance)
    pushes = torch.from_numpy(patterns.pushes)
    length = norms(pushes)
    rows = torch.zeros(len(pushes), dtype=torch.int64)
    scale = smallest_scale(word, -pushes, rows, torch.full_like(length, _AHEAD), settings.bisections)
    unit = (pushes / length[:, None]).numpy()
    needed = (scale.clamp_max(_AHEAD) * length).numpy()
    norm = promised(words, unit, unit.sum(axis=1) - needed)
    expected, chosen = norm.topk(min(settings.candidates, len(pushes)), largest=False)
    weights = torch.from_numpy(unit)[chosen.flatten()]
    push = -words.pull(weights, words.rows.repeat_interleave(chosen.shape[1]))
    return expected, push.reshape(*chosen.shape, -1)
