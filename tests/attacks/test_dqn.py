"""The learned bit picker: it learns, it is reproducible, and what it finds fails."""

from __future__ import annotations

from dataclasses import replace
from statistics import fmean, median
from typing import Any

import pytest
import torch

from semrobust.attacks.code.dqn import DQNBits, DQNSettings
from semrobust.attacks.code.learning.game import CHOSEN, FEATURES, POSTERIOR, Game
from semrobust.attacks.code.learning.qnetwork import network, play, random_words, values
from semrobust.attacks.code.learning.training import LearningSettings, train
from semrobust.attacks.code.selection import Pushes, settle
from semrobust.phy import mapping
from semrobust.phy.decoder import Decoder
from semrobust.phy.power import power_total
from tests.attacks.samples import code_named, words_of

ENTRY = {
    "kind": "dqn_bits", "label": "DQN", "amplitude": 1.25, "max_bits": 12, "depth": 2, "starts": 3, "bisections": 5,
    "learning": {"rounds": 2, "learning_rate": 3e-3, "snr_db": [2.0, 14.0]},
}  # fmt: skip


QUICK = {"rounds": 1, "learning_rate": 1e-3, "snr_db": [2.0, 14.0]}


def dqn(**changes: Any) -> DQNBits:
    return DQNBits(DQNSettings.model_validate(ENTRY | changes))


def trained(seed: int) -> torch.nn.Module:
    """A network for the small regular code."""
    return train(
        Decoder(code_named("regular")), mapping.modulation("qpsk"),
        LearningSettings(rounds=9, learning_rate=2e-3, snr_db=[2.0, 14.0]),
        amplitude=1.25, depth=2, moves=12, seed=seed,
    )  # fmt: skip


def power(net: torch.nn.Module) -> float:
    """Mean power that the network needs from two first moves, over words at 4 and 10 dB; 20 where it does not win."""
    powers = []
    for snr_db in (4.0, 10.0):
        words = words_of("regular", snr_db, 48)
        pushes = Pushes.of(words, 1.25)
        chosen, rows = play(Game(pushes, 2, 12), net, 2)
        powers.append(power_total(settle(words, pushes.vectors(chosen, rows), rows, 5)).nan_to_num(posinf=20.0))
    return float(torch.cat(powers).mean())


@pytest.mark.slow
def test_trained_networks_need_less_power_than_most_untrained_ones() -> None:
    untrained = [power(network(seed)) for seed in range(6)]
    learned = [power(trained(seed)) for seed in range(2)]
    # on a code this short a lucky network may do as well without training
    assert max(learned) < median(untrained)
    assert fmean(learned) < 0.8 * fmean(untrained)


@pytest.mark.slow
def test_a_word_is_attacked_alone_as_in_a_batch() -> None:
    words = words_of("regular", 10.0, 9)
    method = dqn()
    together = method.search(words)
    alone = [method.search(words.take(words.rows[row : row + 1])) for row in range(len(words))]
    torch.testing.assert_close(torch.cat(alone), together, rtol=0, atol=0)


@pytest.mark.slow
def test_training_is_reproducible() -> None:
    settings = LearningSettings(rounds=2, learning_rate=3e-3, snr_db=[2.0, 14.0])
    nets = []
    for seed in (1, 2):
        torch.manual_seed(seed)  # the global stream must not matter
        decoder = Decoder(code_named("regular"))
        nets.append(train(decoder, mapping.modulation("qpsk"), settings, amplitude=1.5, depth=2, moves=6, seed=0))
    for first, second in zip(nets[0].parameters(), nets[1].parameters(), strict=True):
        assert torch.equal(first, second)


@pytest.mark.slow
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
    assert (power_total(vectors)[found] <= 2 * 20 * (1.25 * half) ** 2).all()
    torch.testing.assert_close(method.search(words), vectors)


@pytest.mark.slow
def test_the_network_is_trained_once_per_decoder_and_modulation() -> None:
    method = dqn(learning=QUICK)
    words = words_of("regular", 6.0, 2)
    first = method.network(words)
    assert method.network(words.take(torch.tensor([0]))) is first
    assert method.network(replace(words, noise_variance=0.5)) is first
    assert method.network(words_of("regular", 12.0, 2, "16qam")) is not method.network(words)
    assert method.network(words_of("regular", 6.0, 2)) is not first  # another decoder


@pytest.mark.parametrize("snr_db", [[2.0], [2.0, 4.0, 6.0], [2.0, float("inf")]])
def test_two_snrs_are_needed(snr_db: list[float]) -> None:
    with pytest.raises(ValueError, match="snr_db"):
        LearningSettings.model_validate(QUICK | {"snr_db": snr_db})


def test_potential_counts_pushed_bits_that_the_decoder_has_wrong() -> None:
    words = words_of("regular", 10.0, 2, noise=0.0)
    game = Game(Pushes.of(words, 1.5), 2, 10)
    seen = game.observe(game.start(), words.rows)
    assert torch.equal(game.potential(seen), torch.zeros(2))
    seen[0, :4, CHOSEN] = 1.0
    seen[0, 1:6, POSTERIOR] = -1.0  # three of the four; two more are wrong, but not pushed
    torch.testing.assert_close(game.potential(seen), torch.tensor([0.3, 0.0]))


def test_words_that_withstand_the_pushes_are_infinite_and_lost_ones_cost_next_to_nothing() -> None:
    method = dqn(amplitude=1e-3, max_bits=2, bisections=2, learning=QUICK)
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
    expected = torch.tensor([0.0, 1.0, 4.0] + 8 * [0.0]).expand(3, 96, -1)  # posteriors are clipped at 4
    torch.testing.assert_close(seen, expected)
    chosen[:, 5] = True
    seen = game.observe(chosen, words.rows)
    assert torch.equal(seen[..., CHOSEN] > 0, chosen)
    torch.testing.assert_close(seen[:, 5, 1], torch.full((3,), -0.5))  # 1.5 half distances: from 1 to -1/2
    neighbours = torch.from_numpy(code_named("regular").parity_check.toarray().astype("float32"))
    touched = (neighbours[neighbours[:, 5] > 0] > 0).sum(dim=0) / 3
    torch.testing.assert_close(seen[:, :, 4], touched.expand(3, -1))
    torch.testing.assert_close(seen[:, :, 5], seen[:, :, 4])  # one pushed bit is an odd number
    assert (seen[:, :, 7] > 0).sum() > (seen[:, :, 4] > 0).sum()
    assert values(network(0), seen)[:, 5].isinf().all()


def test_training_words_are_codewords_in_noise() -> None:
    decoder = Decoder(code_named("nr"))
    words = random_words(decoder, mapping.modulation("16qam"), 1e-4, 5, torch.Generator().manual_seed(0), 0)
    assert not words.fails(torch.zeros_like(words.received), words.rows).any()
    assert words.message.float().mean() == pytest.approx(0.5, abs=0.15)
    sent = mapping.map_bits(words.bits, words.modulation)
    assert float((words.received - sent).std()) == pytest.approx(0.01, rel=0.2)
