"""Vulnerable sets: the prediction in closed form, what is tried, and that it is cheaper than pushing single bits."""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from scipy import sparse

from semrobust.attacks.code import vulnerable_set
from semrobust.attacks.code.structure.sets import NodeSets
from semrobust.attacks.code.vulnerable_set import SetCandidates, VulnerableSet
from semrobust.attacks.code.words import norms
from semrobust.measure import bench_attacks
from semrobust.phy.decoder import Decoder
from semrobust.phy.ldpc import LdpcCode
from tests.attacks.samples import attack, code_named, on_words, structure_of, words_of

CODES = [("regular", "qpsk", 6.0), ("regular", "16qam", 14.0), ("nr", "qpsk", 6.0), ("nr", "16qam", 14.0)]
SET_ATTACKS = ("vulnerable_set", "near_codeword")


@pytest.mark.parametrize("method", SET_ATTACKS)
@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_a_repetition_code_costs_the_way_to_the_opposite_word(method: str, noise: float) -> None:
    """No cycles: belief propagation decides by Σ r as maximum likelihood does, and half way costs d without noise."""
    words = words_of("repetition", 10.0, 24, noise=noise)
    power = on_words(method, bisections=12).search(words).square().sum(dim=1)
    best = (words.received * words.signs).sum(dim=1).square() / 4
    torch.testing.assert_close(power, best, rtol=5e-3, atol=5e-3)
    if not noise:
        torch.testing.assert_close(power, torch.full_like(power, 4.0), rtol=5e-3, atol=0.0)


@pytest.mark.parametrize("method", SET_ATTACKS)
def test_a_parity_check_costs_its_two_weakest_bits(method: str) -> None:
    """The nearest codeword flips the two least reliable bits; which they are, noise decides for each word."""
    words = words_of("parity", 10.0, 24)
    vectors = on_words(method, candidates=28, bisections=12).search(words)
    reliability = (words.received * words.signs).sort(dim=1)
    best = reliability.values[:, :2].sum(dim=1).square() / 2
    power = vectors.square().sum(dim=1)
    assert (power / best).median() == pytest.approx(1.0, abs=0.02)
    assert (power <= best * 1.03 + 5e-3).all()
    touched = torch.zeros_like(vectors, dtype=torch.bool).scatter_(1, reliability.indices[:, :2], True)
    assert torch.equal((vectors != 0), touched)


@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_the_prediction_is_exact_where_the_set_alone_decides(noise: float) -> None:
    """θ = 0 for the word of a repetition code: nothing is repaired until Σ r is gone, whatever the noise."""
    words = words_of("repetition", 10.0, 16, noise=noise)
    found = SetCandidates(words.decoder, sparse.csr_array(np.ones((1, 4), dtype=np.int64)), 1, 14)
    assert found.level == pytest.approx([0.0], abs=2e-3)
    expected = (words.received * words.signs).sum(dim=1, keepdim=True) / 2
    torch.testing.assert_close(found.predict(words), expected, rtol=1e-3, atol=5e-3)


def test_sets_that_need_least_without_noise_are_kept_first_and_hopeless_ones_last() -> None:
    """Of a repetition code of 10 bits, any a of them alone must take on all: a push of norm 10/√a."""
    chain = np.eye(9, 10, dtype=np.uint8) + np.eye(9, 10, k=1, dtype=np.uint8)
    decoder = Decoder(LdpcCode.from_parity_check(chain))
    sizes = np.array([2, 4, 0, 10, 1])
    members = sparse.csr_array((np.arange(10) < sizes[:, None]).astype(np.int64))
    found = SetCandidates(decoder, members, 9, 12)
    assert found.members.sum(axis=1).tolist() == [10, 4, 1, 2]
    farthest = vulnerable_set._FARTHEST
    assert 10 / 4**0.5 < farthest < 10 / 2**0.5
    assert found.level == pytest.approx([0.0, -6.0, 1 - farthest, 2 - 2**0.5 * farthest], abs=0.02)
    assert SetCandidates(decoder, members, 1, 12).members.sum() == 10


@pytest.mark.parametrize(("name", "modulation", "snr_db"), CODES)
@pytest.mark.parametrize("method", SET_ATTACKS)
def test_every_vector_found_fails_its_word(method: str, name: str, modulation: str, snr_db: float) -> None:
    words = words_of(name, snr_db, 16, modulation)
    vectors = on_words(method).search(words)
    found = vectors.isfinite().all(dim=1)
    assert found.float().mean() > 0.7
    assert words.fails(vectors[found], words.rows[found]).all()
    assert vectors[~found].isinf().all()


@pytest.mark.parametrize("method", SET_ATTACKS)
def test_a_word_does_not_depend_on_its_batch(method: str) -> None:
    words = words_of("regular", 6.0, 16)
    whole = on_words(method).search(words)
    for rows in (torch.tensor([3]), torch.tensor([7, 0, 5]), words.rows.flip(0)):
        torch.testing.assert_close(on_words(method).search(words.take(rows)), whole[rows])


def test_fitting_the_amplitudes_only_lowers_the_power() -> None:
    words = words_of("regular", 6.0, 16)
    plain, fitted = (norms(on_words("vulnerable_set", rounds=rounds).search(words)) for rounds in (0, 8))
    assert (fitted <= plain * (1 + 1e-6)).all()
    assert fitted.mean() < 0.97 * plain.mean()


def test_more_candidates_are_never_worse_before_the_fit() -> None:
    words = words_of("regular", 6.0, 16)
    one, many = (norms(on_words("vulnerable_set", rounds=0, candidates=tried).search(words)) for tried in (1, 8))
    assert (many <= one).all()
    assert (many < one).any()


@pytest.mark.parametrize("snr_db", [4.0, 8.0])
def test_knowing_the_graph_beats_pushing_bits(snr_db: float) -> None:
    code = code_named("regular")
    system = bench_attacks.ZeroWords(code, Decoder(code))
    target = bench_attacks.target(system, structure_of(code), snr_db, 1, 32)
    results = {name: attack(name).run(target) for name in ("vulnerable_set", "least_reliable_bits", "all_bits")}
    assert all(result.success.all() for result in results.values())
    means = {name: float(result.power_total.mean()) for name, result in results.items()}
    assert means["vulnerable_set"] < 0.8 * means["least_reliable_bits"]
    assert means["vulnerable_set"] < 0.3 * means["all_bits"]


def test_a_code_is_measured_once_per_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    measure = Mock(wraps=vulnerable_set._quiet_norm)
    monkeypatch.setattr(vulnerable_set, "_quiet_norm", measure)
    words = words_of("parity", 10.0, 4)
    for _ in range(3):
        on_words("vulnerable_set").search(words)
    assert measure.call_count == 1
    on_words("near_codeword").search(words)
    on_words("vulnerable_set").search(words_of("parity", 10.0, 4))
    assert measure.call_count == 3, "another kind of set, or another decoder, is measured for itself"


def test_where_a_structure_has_no_sets_nothing_is_found() -> None:
    words = words_of("parity", 10.0, 2)
    assert words.structure is not None
    nothing = replace(words.structure, sets=NodeSets.of([]), b=np.empty(0, dtype=np.int64))
    method = on_words("vulnerable_set")
    assert isinstance(method, VulnerableSet)
    assert method.search(replace(words, structure=nothing)).isinf().all()
    assert method.search(words).isfinite().all()
