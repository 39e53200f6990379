"""The learned bit picker: it learns, it is reproducible, and what it finds fails."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import pytest
import torch

from semrobust.attacks.dqn import DQNBits, DQNSettings
from semrobust.attacks.learning.game import CHOSEN, FEATURES, Game
from semrobust.attacks.learning.qnetwork import LearningSettings, network, play, random_words, train, values
from semrobust.attacks.selection import Pushes
from semrobust.attacks.words import Words
from semrobust.phy import mapping
from semrobust.phy.decoder import Decoder
from semrobust.phy.power import power_total
from tests.attacks.samples import code_named, words_of

ENTRY = {
    "kind": "dqn_bits", "label": "DQN", "amplitude": 1.5, "max_bits": 12, "depth": 3, "starts": 3, "bisections": 5,
    "learning": {"rounds": 4, "learning_rate": 3e-3},
}  # fmt: skip


def dqn(**changes: Any) -> DQNBits:
    return DQNBits(DQNSettings.model_validate(ENTRY | changes))


@cache
def trained() -> torch.nn.Module:
    """A network for the small regular code at 10 dB."""
    return train(
        Decoder(code_named("regular")), mapping.modulation("qpsk"), 0.1,
        LearningSettings(rounds=15, learning_rate=2e-3), amplitude=1.5, depth=3, moves=12,
    )  # fmt: skip


def pushed(words: Words, net: torch.nn.Module) -> float:
    """Mean number of bits that the network pushes from its best first move, 13 where it does not win."""
    game = Game(Pushes.of(words, 1.5), 3, 12)
    chosen, rows = play(game, net, 1)
    sizes = torch.full((len(words),), 13)
    sizes[rows] = chosen.sum(dim=1)
    return float(sizes.float().mean())


def test_learning_beats_untrained_networks() -> None:
    words = words_of("regular", 10.0, 48)
    untrained = [pushed(words, network(seed)) for seed in range(4)]
    learned = pushed(words, trained())
    assert learned < min(untrained)
    assert learned < 0.85 * sum(untrained) / 4


def test_training_is_reproducible() -> None:
    settings = LearningSettings(rounds=2, learning_rate=3e-3)
    nets = []
    for seed in (1, 2):
        torch.manual_seed(seed)  # the global stream must not matter
        decoder = Decoder(code_named("regular"))
        nets.append(train(decoder, mapping.modulation("qpsk"), 0.2, settings, amplitude=1.5, depth=2, moves=6))
    for first, second in zip(nets[0].parameters(), nets[1].parameters(), strict=True):
        assert torch.equal(first, second)


@pytest.mark.parametrize(
    ("name", "modulation", "snr_db"), [("regular", "qpsk", 4.0), ("regular", "16qam", 11.0), ("nr", "16qam", 11.0)]
)
def test_what_is_found_fails(name: str, modulation: str, snr_db: float) -> None:
    words = words_of(name, snr_db, 12, modulation)
    method = dqn(max_bits=20)
    vectors = method.search(words)
    found = vectors.isfinite().all(dim=1)
    assert found.float().mean() > 0.5
    assert words.fails(vectors[found], words.rows[found]).all()
    half = {"qpsk": 1.0, "16qam": 5**-0.5}[modulation]
    # a use of 16-QAM carries two bits, so two pushes may meet on it
    assert (power_total(vectors)[found] <= 2 * 20 * (1.5 * half) ** 2).all()
    torch.testing.assert_close(method.search(words), vectors)


def test_the_network_is_trained_once_per_decoder_and_noise() -> None:
    words, louder = words_of("regular", 6.0, 2), words_of("regular", 3.0, 2)
    method = dqn(learning={"rounds": 1, "learning_rate": 1e-3})
    first = method.network(words)
    assert method.network(words.take(torch.tensor([0]))) is first
    assert method.network(louder) is not first
    other = replace(words, noise_variance=louder.noise_variance)
    assert method.network(other) is not first


def test_words_that_withstand_the_pushes_are_infinite_and_lost_ones_cost_next_to_nothing() -> None:
    method = dqn(amplitude=1e-3, max_bits=2, bisections=2, learning={"rounds": 1, "learning_rate": 1e-3})
    words = words_of("regular", 10.0, 3)
    assert method.search(words).isinf().all()
    lost = replace(words, message=1 - words.message)
    powers = power_total(method.search(lost))
    assert (powers > 0).all()
    assert (powers < 1e-3).all()


def test_observation_of_a_clean_word() -> None:
    words = words_of("regular", 10.0, 3, noise=0.0)
    game = Game(Pushes.of(words, 1.5), 2, 10)
    chosen = game.start()
    seen = game.observe(chosen, words.rows)
    assert seen.shape == (3, 96, FEATURES)
    expected = torch.tensor([0.0, 1.0, 4.0, 0.0, 0.0, 0.0, 0.0, 0.0]).expand(3, 96, -1)  # posteriors are clipped at 4
    torch.testing.assert_close(seen, expected)
    chosen[:, 5] = True
    seen = game.observe(chosen, words.rows)
    assert torch.equal(seen[..., CHOSEN] > 0, chosen)
    torch.testing.assert_close(seen[:, 5, 1], torch.full((3,), -0.5))  # 1.5 half distances: from 1 to -1/2
    neighbours = torch.from_numpy(code_named("regular").parity_check.toarray().astype("float32"))
    touched = (neighbours[neighbours[:, 5] > 0] > 0).sum(dim=0) / 3
    torch.testing.assert_close(seen[:, :, 4], touched.expand(3, -1))
    assert values(network(0), seen)[:, 5].isinf().all()


def test_training_words_are_codewords_in_noise() -> None:
    decoder = Decoder(code_named("nr"))
    words = random_words(decoder, mapping.modulation("16qam"), 1e-4, 5, torch.Generator().manual_seed(0))
    assert not words.fails(torch.zeros_like(words.received), words.rows).any()
    assert words.message.float().mean() == pytest.approx(0.5, abs=0.15)
    sent = mapping.map_bits(words.bits, words.modulation)
    assert float((words.received - sent).std()) == pytest.approx(0.01, rel=0.2)
