"""Gradient through belief propagation: never worse than its own starts, and close to the closed forms."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from semrobust.attacks.code.bp_gradient import BPGradient
from semrobust.attacks.code.words import norms
from semrobust.phy.decoder import Decoder
from tests.attacks.samples import on_words, words_of

CODES = [("regular", "qpsk", 6.0), ("regular", "16qam", 14.0), ("nr", "qpsk", 6.0), ("nr", "16qam", 14.0)]


@pytest.mark.parametrize(("name", "modulation", "snr_db"), CODES)
@pytest.mark.parametrize("from_sets", [True, False])
def test_every_vector_found_fails_its_word(from_sets: bool, name: str, modulation: str, snr_db: float) -> None:
    words = words_of(name, snr_db, 16, modulation)
    vectors = on_words("bp_gradient", from_sets=from_sets, max_steps=40).search(words)
    found = vectors.isfinite().all(dim=1)
    assert found.float().mean() > (0.7 if from_sets else 0.2), "from nothing, it often ends where words withstand it"
    assert words.fails(vectors[found], words.rows[found]).all()


@pytest.mark.parametrize(("name", "modulation", "snr_db"), CODES)
def test_never_worse_than_the_sets_it_starts_from(name: str, modulation: str, snr_db: float) -> None:
    words = words_of(name, snr_db, 16, modulation)
    start = norms(on_words("vulnerable_set", rounds=0).search(words))
    found = norms(on_words("bp_gradient").search(words))
    assert (found <= start * (1 + 1e-6)).all()
    fitted = norms(on_words("vulnerable_set").search(words))
    both = found.isfinite() & fitted.isfinite()
    assert found[both].square().mean() <= fitted[both].square().mean()


def test_the_better_of_two_starts_is_taken_word_by_word() -> None:
    words = words_of("regular", 4.0, 24)
    both = norms(on_words("bp_gradient").search(words))
    ascent = norms(on_words("bp_gradient", from_sets=False).search(words))
    sets = norms(on_words("bp_gradient", max_steps=0).search(words))
    torch.testing.assert_close(both, torch.minimum(ascent, sets))
    assert (ascent < sets).any()
    assert (sets < ascent).any()


def test_without_a_structure_it_starts_from_nothing_alone() -> None:
    words = replace(words_of("regular", 4.0, 8), structure=None)
    vectors = on_words("bp_gradient").search(words)
    torch.testing.assert_close(vectors, on_words("bp_gradient", from_sets=False).search(words))


def test_an_ascent_without_steps_finds_nothing() -> None:
    words = words_of("regular", 6.0, 4)
    assert on_words("bp_gradient", max_steps=0, from_sets=False).search(words).isinf().all()


def test_the_ascent_stops_at_the_boundary_within_its_steps() -> None:
    words = words_of("regular", 4.0, 24)
    method = on_words("bp_gradient", step=0.1, max_steps=20, bisections=10)
    assert isinstance(method, BPGradient)
    vectors = method._ascend(words)
    found = vectors.isfinite().all(dim=1)
    assert found.any()
    assert (~found).any(), "20 steps of 0.1 are too few for some words"
    assert (norms(vectors[found]) <= 2.0 + 1e-5).all()
    assert words.fails(vectors[found], words.rows[found]).all()
    assert not words.fails(0.99 * vectors[found], words.rows[found]).all()


def test_the_ascent_gets_somewhere_through_all_iterations_of_the_decoder() -> None:
    words = words_of("regular", 4.0, 16)
    words = replace(words, decoder=Decoder(words.decoder.code, "min-sum", words.decoder.iterations))
    deep = on_words("bp_gradient", from_sets=False, depth=words.decoder.iterations, depths=[200], max_steps=30)
    vectors = deep.search(words)
    found = vectors.isfinite().all(dim=1)
    assert found.any()
    assert words.fails(vectors[found], words.rows[found]).all()


@pytest.mark.parametrize("from_sets", [True, False])
def test_a_repetition_code_costs_the_way_to_the_opposite_word(from_sets: bool) -> None:
    words = words_of("repetition", 10.0, 16)
    method = on_words("bp_gradient", from_sets=from_sets, max_steps=60, rounds=8, bisections=12)
    power = method.search(words).square().sum(dim=1)
    best = (words.received * words.signs).sum(dim=1).square() / 4
    assert (power >= best * (1 - 1e-4)).all()
    assert (power <= best * 1.05).all()


@pytest.mark.parametrize("from_sets", [True, False])
def test_a_word_does_not_depend_on_its_batch(from_sets: bool) -> None:
    words = words_of("regular", 4.0, 16)
    method = on_words("bp_gradient", from_sets=from_sets)
    whole = method.search(words)
    for rows in (torch.tensor([3]), torch.tensor([7, 0, 5]), words.rows.flip(0)):
        torch.testing.assert_close(method.search(words.take(rows)), whole[rows])


def test_it_can_do_what_sets_cannot_and_goes_below_them() -> None:
    """Beyond the fit of amplitudes on one set, the derivative turns the vector over all uses."""
    words = words_of("regular", 6.0, 16)
    fitted = on_words("vulnerable_set", rounds=12, trials=8).search(words).square().sum(dim=1)
    found = on_words("bp_gradient", rounds=12, set_rounds=12, trials=8).search(words).square().sum(dim=1)
    assert found.mean() < 0.98 * fitted.mean()
