"""Refinement: what fails keeps failing, never grows, and knows nothing of its batch."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest
import torch

from semrobust.attacks.code import refine
from semrobust.attacks.code.words import Words, norms, smallest_scale
from tests.attacks.samples import normal, words_of
from tests.phy.helpers import syndromes

Refine = Callable[[Words, torch.Tensor, torch.Tensor], torch.Tensor]
WAYS: dict[str, Refine] = {
    "jitter": lambda words, vectors, rows: refine.jitter(words, vectors, rows, 6, 6),
    "descend": lambda words, vectors, rows: refine.descend(words, vectors, rows, 4, (2, 5)),
}
CODES = [("regular", "qpsk", 6.0), ("nr", "qpsk", 6.0), ("nr", "16qam", 14.0)]


@cache
def started(name: str, modulation: str, snr_db: float) -> tuple[Words, torch.Tensor]:
    """Words and vectors that fail them: against all bits of a half of the uses, with room to become smaller."""
    words = words_of(name, snr_db, 12, modulation)
    push = -words.pull(torch.ones(words.bits.shape), words.rows)
    push[:, ::2] = 0.0
    scale = smallest_scale(words, push / norms(push)[:, None], words.rows, torch.full((len(words),), 20.0), 6)
    assert scale.isfinite().all()
    return words, 1.01 * scale[:, None] * push / norms(push)[:, None]


@pytest.mark.parametrize(("name", "modulation", "snr_db"), CODES)
@pytest.mark.parametrize("way", WAYS)
def test_vectors_get_no_longer_and_still_fail(way: str, name: str, modulation: str, snr_db: float) -> None:
    words, vectors = started(name, modulation, snr_db)
    before = vectors.clone()
    kept = words.fails(vectors, words.rows)
    smaller = WAYS[way](words, vectors, words.rows)
    assert torch.equal(words.fails(smaller, words.rows) | ~kept, torch.ones_like(kept))
    assert (norms(smaller) <= norms(before) * (1 + 1e-6)).all()
    assert (norms(smaller) < 0.95 * norms(before)).float().mean() > 0.5, "refinement does next to nothing"
    assert torch.equal(vectors, before), "the vectors given were written to"
    if way == "jitter":
        assert torch.equal(smaller != 0, before != 0)


@pytest.mark.parametrize("way", WAYS)
def test_a_word_does_not_depend_on_its_batch(way: str) -> None:
    words, vectors = started(*CODES[0])
    whole = WAYS[way](words, vectors, words.rows)
    for rows in (torch.tensor([3]), torch.tensor([7, 0, 5]), words.rows.flip(0)):
        torch.testing.assert_close(WAYS[way](words, vectors[rows], rows), whole[rows])
        torch.testing.assert_close(WAYS[way](words.take(rows), vectors[rows], torch.arange(len(rows))), whole[rows])


def test_no_rounds_change_nothing() -> None:
    words, vectors = started(*CODES[0])
    assert torch.equal(refine.jitter(words, vectors, words.rows, 0, 3), vectors)
    assert torch.equal(refine.descend(words, vectors, words.rows, 0, (3,)), vectors)


def test_more_rounds_are_never_worse() -> None:
    """The first rounds are the same, so the longer search starts where the shorter one ended."""
    words, vectors = started(*CODES[0])
    lengths = [norms(refine.jitter(words, vectors, words.rows, rounds, 4)) for rounds in (1, 3, 6)]
    assert (lengths[1] <= lengths[0] * (1 + 1e-6)).all()
    assert (lengths[2] <= lengths[1] * (1 + 1e-6)).all()


def test_jitter_ends_at_the_closed_form_of_a_repetition_code() -> None:
    """Σ r must fall to 0, and the cheapest way is the same push on each use: (Σ r)²/n."""
    words = words_of("repetition", 10.0, 16)
    start = torch.tensor([1.6, 0.7, 0.9, 0.6]) * -words.signs
    scale = smallest_scale(words, start, words.rows, torch.full((len(words),), 4.0), 12)
    smaller = refine.jitter(words, scale[:, None] * start, words.rows, 60, 16).square().sum(dim=1)
    best = (words.received * words.signs).sum(dim=1).square() / 4
    assert (smaller >= best * (1 - 1e-5)).all()
    assert (smaller / best).mean() < 1.02


@pytest.mark.parametrize("name", ["regular", "nr"])
def test_signs_of_nodes_are_a_codeword_on_the_whole_graph(name: str) -> None:
    """Punctured nodes included: every check of the parity-check matrix holds."""
    words = words_of(name, 6.0, 8)
    signs = refine.node_signs(words, words.rows)
    assert torch.equal(signs.abs(), torch.ones_like(signs))
    assert not syndromes(words.decoder.code, (signs < 0).numpy()).any()
    rows = torch.tensor([4, 4, 1])
    assert torch.equal(refine.node_signs(words, rows), signs[rows])


@pytest.mark.parametrize(("name", "modulation", "snr_db"), CODES)
@pytest.mark.parametrize("soft", [True, False])
def test_gradient_through_the_decoder_is_that_of_its_objective(
    name: str, modulation: str, snr_db: float, soft: bool
) -> None:
    """Directional derivatives against differences of -T log Σ exp(-posterior/T), or of the weighted posteriors."""
    words = words_of(name, snr_db - 2, 8, modulation)
    signs, depth, step = refine.node_signs(words, words.rows), 3, 2e-3
    at = 0.3 * normal(*words.received.shape, seed=5)
    wrong = (normal(*signs.shape, seed=6) > 1).float()

    def margins(where: torch.Tensor) -> torch.Tensor:
        posterior, _ = words.decoder.gradient(words.llr(where, words.rows), torch.zeros_like(signs), depth)
        return (posterior * signs).double()

    weights = wrong / (margins(at).abs() + 1.0)

    def objective(where: torch.Tensor) -> torch.Tensor:
        if soft:
            return -refine.TEMPERATURE * torch.logsumexp(-margins(where) / refine.TEMPERATURE, dim=1)
        return (margins(where) * weights).sum(dim=1)

    slope = refine.through_decoder(words, at, words.rows, depth, None if soft else wrong)
    along = slope / norms(slope)[:, None]
    difference = (objective(at + step * along) - objective(at - step * along)) / (2 * step)
    torch.testing.assert_close(norms(slope).double(), difference, rtol=0.03, atol=0.01)
