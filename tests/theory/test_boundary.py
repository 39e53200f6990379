"""Decision boundaries: closed forms without noise, brute force over all codewords, and what the decoder really does."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch

from semrobust.attacks.code.words import Words
from semrobust.phy import mapping
from semrobust.theory.boundary import codeword_power, stopping_power
from tests.attacks.samples import words_of

COUNT = 12


def all_boundaries(words: Words) -> torch.Tensor:
    """Least power (W,) over every other codeword, one after the other."""
    code = words.decoder.code
    messages = torch.tensor(list(product((0, 1), repeat=code.k)), dtype=torch.uint8)
    others = mapping.map_bits(code.encode(messages), words.modulation).double()
    sent = mapping.map_bits(words.bits, words.modulation).double()
    found = []
    for word in range(len(words)):
        apart = others - sent[word]
        apart = apart[apart.square().sum(dim=1) > 0]
        noise = words.received[word].double() - sent[word]
        length = apart.norm(dim=1)
        found.append((length / 2 - apart @ noise / length).clamp_min(0).square().min())
    return torch.stack(found)


@pytest.mark.parametrize(("name", "distance"), [("repetition", 4.0), ("parity", 2.0), ("hamming", 4.0)])
def test_without_noise_it_is_the_minimum_distance(name: str, distance: float) -> None:
    words = words_of(name, 6.0, COUNT, noise=0.0)
    assert codeword_power(words).tolist() == pytest.approx([distance] * len(words))


@pytest.mark.parametrize("name", ["repetition", "parity", "hamming"])
def test_with_noise_it_is_the_nearest_of_all_codewords(name: str) -> None:
    words = words_of(name, 3.0, COUNT)
    assert torch.allclose(codeword_power(words), all_boundaries(words), atol=1e-6)


@pytest.mark.parametrize("name", ["parity", "hamming"])
def test_levels_of_16qam_are_nearer_where_their_labels_differ_in_amplitude(name: str) -> None:
    words = words_of(name, 12.0, COUNT, modulation="16qam")
    found, least = codeword_power(words), all_boundaries(words)
    assert (found >= least - 1e-6).all()  # bits of two sets may share a use, so a sum can be nearer than its parts
    assert (found < 4.0).all()


def test_nothing_is_needed_where_noise_has_crossed_the_boundary() -> None:
    words = words_of("repetition", 6.0, COUNT, noise=0.0)
    crossed = replace(words, received=-words.received)
    assert codeword_power(crossed).tolist() == [0.0] * len(words)


def test_without_known_sets_nothing_is_known() -> None:
    words = words_of("hamming", 6.0, COUNT)
    assert words.structure is not None
    nothing = np.zeros(0, dtype=np.int64)
    kept = {name: getattr(words.structure, name)[:0] for name in ("a", "b", "weight", "elementary", "absorbing")}
    empty = replace(words.structure, sets=words.structure.sets.take(nothing), stopping=nothing.astype(bool), **kept)
    without = replace(words, structure=empty)
    assert codeword_power(without).isinf().all()
    assert stopping_power(without).isinf().all()


def test_stopping_set_keeps_belief_propagation_stuck() -> None:
    """The repetition code is one stopping set of 4: all bits at LLR 0 cost Σ y², and no iteration helps."""
    words = words_of("repetition", 6.0, COUNT)
    power = words.received.double().square().sum(dim=1)
    assert torch.allclose(stopping_power(words), power)
    decoded = words.decoder.decode(words.llr(-words.received, words.rows))
    assert (decoded.llr == 0).all()
    # a whisper beyond it fails, where the same power elsewhere does not
    assert words.fails(-1.01 * words.received, words.rows).all()
    assert not words.fails(-0.99 * words.received, words.rows).any()


def test_uncertain_bits_of_16qam_have_llr_0() -> None:
    """A single parity check is stuck with two uncertain bits; the cheapest two sit where their LLR is 0."""
    words = words_of("parity", 15.0, COUNT, modulation="16qam")
    use, place = words.modulation.bit_use(8), words.modulation.bit_position(8)
    middle = 2 / np.sqrt(5)
    for word, power in zip(words.received, stopping_power(words), strict=True):
        alone = [float(word[u] if p == 0 else word[u].abs() - middle) ** 2 for u, p in zip(use, place, strict=True)]
        pairs = [alone[i] + alone[j] for i in range(8) for j in range(i) if use[i] != use[j]]
        assert float(power) == pytest.approx(min(pairs))
    moved = words.received.clone()
    moved[:, 0], moved[:, 1] = 0.0, middle
    llr = mapping.llr(moved, 1e-3, words.modulation)
    assert llr[:, 0].tolist() == pytest.approx([0.0] * len(words), abs=1e-3)
    assert llr[:, 3].tolist() == pytest.approx([0.0] * len(words), abs=1e-3)
