"""Greedy bit selection: what it finds fails, close to the closed forms of tiny codes, each word for itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from semrobust.attacks.code.greedy_bits import GreedyBits, GreedyBitsSettings
from semrobust.attacks.code.selection import Pushes, settle
from semrobust.attacks.code.words import Words, smallest_scale
from semrobust.phy.power import power_total
from tests.attacks.samples import words_of

CODES = [("regular", "qpsk", 6.0), ("regular", "16qam", 14.0), ("nr", "qpsk", 6.0), ("nr", "16qam", 14.0)]


def greedy(**changes: Any) -> GreedyBits:
    entry = {
        "kind": "greedy_bits", "label": "greedy", "amplitudes": [1.5, 1.0], "starts": 4, "candidates": 3, "depth": 3,
        "max_bits": 40, "bisections": 5,
    }  # fmt: skip
    return GreedyBits(GreedyBitsSettings.model_validate(entry | changes))


def all_bits(words: Words) -> torch.Tensor:
    """Least power (W,) of a push on all bits alike."""
    pushes = Pushes.of(words, 1.0)
    vectors = pushes.vectors(torch.ones(words.bits.shape, dtype=torch.bool), words.rows)
    return power_total(vectors) * smallest_scale(words, vectors, words.rows, torch.full((len(words),), 4.0), 8) ** 2


@pytest.mark.parametrize(("name", "modulation", "snr_db"), CODES)
def test_what_is_found_fails_and_costs_less_than_a_push_on_all_bits(name: str, modulation: str, snr_db: float) -> None:
    words = words_of(name, snr_db, 12, modulation)
    vectors = greedy().search(words)
    found = vectors.isfinite().all(dim=1)
    assert found.float().mean() > 0.9
    assert words.fails(vectors[found], words.rows[found]).all()
    assert (power_total(vectors) <= all_bits(words))[found].all()
    assert power_total(vectors)[found].mean() < 0.5 * all_bits(words)[found].mean()


def test_one_push_flips_a_word_of_a_parity_code() -> None:
    """With one check, the least trusted bit and a second one must change; without noise that costs two half distances
    of power 1 each, and no vector is cheaper than the way to the boundary between two codewords."""
    words = words_of("parity", 10.0, 4, noise=0.0)
    powers = power_total(greedy(starts=8, candidates=8, amplitudes=[1.25], bisections=10).search(words))
    assert (powers >= 2.0 - 1e-5).all()
    assert (powers < 2.1).all()


@pytest.mark.parametrize("modulation", ["qpsk", "16qam"])
def test_the_result_of_a_word_does_not_depend_on_its_batch(modulation: str) -> None:
    words = words_of("regular", {"qpsk": 5.0, "16qam": 13.0}[modulation], 8, modulation)
    together = greedy().search(words)
    torch.testing.assert_close(together, greedy().search(words), rtol=0.0, atol=0.0)
    some = torch.tensor([5, 0, 3])
    torch.testing.assert_close(together[some], greedy().search(words.take(some)))


def test_decoder_feedback_and_more_starts_pay_on_average() -> None:
    words = words_of("regular", 8.0, 24)
    blind = greedy(starts=1, candidates=1, amplitudes=[1.5]).search(words)
    full = greedy(starts=8, candidates=4).search(words)
    found = blind.isfinite().all(dim=1)
    assert power_total(full)[found].mean() < 0.8 * power_total(blind)[found].mean()


def test_words_that_withstand_the_pushes_are_infinite() -> None:
    words = words_of("regular", 10.0, 4)
    assert greedy(max_bits=1).search(words).isinf().all()
    assert greedy(amplitudes=[1e-3]).search(words).isinf().all()


def test_a_word_lost_to_noise_needs_next_to_nothing_but_keeps_a_direction() -> None:
    words = words_of("regular", 6.0, 2)
    lost = replace(words, message=1 - words.message)
    powers = power_total(greedy(bisections=10).search(lost))
    assert (powers > 0).all()
    assert (powers < 1e-3).all()


@pytest.mark.parametrize("modulation", ["qpsk", "16qam"])
def test_a_push_moves_its_own_use_towards_less_trust(modulation: str) -> None:
    words = words_of("regular", 14.0, 3, modulation)
    pushes = Pushes.of(words, 0.5)
    trust = words.llr(torch.zeros_like(words.received), words.rows) * words.signs
    for bit in range(0, 96, 7):
        chosen = torch.zeros(words.bits.shape, dtype=torch.bool)
        chosen[:, bit] = True
        moved = pushes.vectors(chosen, words.rows)
        assert torch.equal((moved != 0).sum(dim=1), torch.ones(3, dtype=torch.int64))
        assert (moved[:, pushes.use[bit]] != 0).all()
        assert ((words.llr(moved, words.rows) * words.signs)[:, bit] < trust[:, bit]).all()
    half = {"qpsk": 1.0, "16qam": 1 / 5**0.5}[modulation]
    assert pushes.amplitude == pytest.approx(0.5 * half)


def test_the_gain_is_the_first_order_of_the_trust_lost() -> None:
    words = words_of("regular", 3.0, 3)
    pushes = Pushes.of(words, 1e-3)
    chosen = torch.zeros(words.bits.shape, dtype=torch.bool)
    chosen[:, [3, 20, 41]] = True
    _, _, gain = pushes.response(chosen, words.rows, 3)
    moved = pushes.vectors(chosen, words.rows)
    nodes = torch.from_numpy(words.decoder.code.channel_nodes)
    weights = torch.zeros(3, words.decoder.code.nodes)
    weights[:, nodes] = chosen * words.signs
    for bit in gain.argmax(dim=1).tolist():
        step = torch.zeros_like(chosen)
        step[:, bit] = True
        left = [
            (words.decoder.gradient(words.llr(moved + sign * 20 * pushes.vectors(step, words.rows), words.rows),
                                    weights, 3)[0] * weights).sum(dim=1)
            for sign in (-1, 1)
        ]  # fmt: skip
        torch.testing.assert_close((left[0] - left[1]) / 40, gain[:, bit], rtol=0.05, atol=2e-4)


def test_settling_keeps_the_cheapest_vector_and_drops_what_is_not_needed() -> None:
    """Of a parity code, two bits beyond the boundary are enough; a third use that is moved as well is given up."""
    words = words_of("parity", 10.0, 2, noise=0.0)
    ways = Pushes.of(words, 1.0)
    three, two = (torch.zeros(2, 8, dtype=torch.bool) for _ in range(2))
    three[:, :3] = True
    two[:, 3:5] = True
    vectors = torch.cat([1.5 * ways.vectors(three, words.rows), 1.2 * ways.vectors(two, words.rows)])
    settled = settle(words, vectors, words.rows.repeat(2), 12)
    assert words.fails(settled, words.rows).all()
    assert torch.equal((settled != 0).sum(dim=1), torch.tensor([2, 2]))
    torch.testing.assert_close(power_total(settled), torch.full((2,), 2.0).double(), rtol=1e-2, atol=0.0)


@pytest.mark.parametrize("changes", [{"amplitudes": []}, {"starts": 0}, {"candidates": 0}, {"depth": 0}])
def test_wrong_settings_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(changes))):
        greedy(**changes)
