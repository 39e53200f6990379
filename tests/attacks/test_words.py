"""From codewords to images: the least scale that fails, which block is hit, and what is censored."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from semrobust.attacks.base import AttackResult, Target
from semrobust.attacks.code.words import WordAttack, Words, _cheapest_block, norms, smallest_scale, words_of, zero_words
from semrobust.config.settings import AttackSettings
from semrobust.phy import mapping
from semrobust.phy.power import noise_variance, power_from_psr_db
from semrobust.phy.retry import OrderedStatistics
from semrobust.systems.classical import ClassicalSystem
from semrobust.systems.distortion import mean_squared_error
from tests.attacks import samples
from tests.attacks.samples import aimed, normal, on_words, part, pictures, small_jpeg

THRESHOLD = 10**-1.5
LAYOUTS = [("qpsk", 1), ("qpsk", 2), ("qpsk", 4), ("16qam", 4)]


class Uniform(WordAttack):
    """Pushes all bits of a word alike, as far as needed: a search that is easy to repeat by hand."""

    Settings = AttackSettings

    def __init__(self, high: float = 60.0) -> None:
        super().__init__(AttackSettings(kind="uniform", label="uniform"))
        self.high, self.seen = high, 0

    def search(self, words: Words) -> torch.Tensor:
        self.seen += len(words)
        push = -words.pull(torch.ones(words.bits.shape), words.rows)
        push /= norms(push)[:, None]
        scale = smallest_scale(words, push, words.rows, torch.full((len(words),), self.high), 8)
        return torch.where(scale.isfinite()[:, None], scale[:, None] * push, torch.inf)


def target_of(modulation: str = "qpsk", blocks: int = 1, count: int = 6, noise: Any = 1.0) -> Target:
    """Photo patches over a good channel; `noise` scales what that channel adds, for all or per image (count, 1)."""
    system = small_jpeg(modulation, blocks=blocks)
    variance = noise_variance({"qpsk": 8.0, "16qam": 17.0}[modulation])
    return aimed(system, pictures(count, 807), noise * variance**0.5 * normal(count, system.real_uses, seed=5),
                 THRESHOLD, variance)  # fmt: skip


def distortion(target: Target, vectors: torch.Tensor) -> torch.Tensor:
    """Measured anew, without the attack's own helpers."""
    shown = target.system.decode(target.received + vectors, target.noise_variance).images
    return mean_squared_error(shown, target.images)


# the least scale


@pytest.mark.parametrize("bisections", [3, 12])
def test_smallest_scale_brackets_the_threshold_of_a_repetition_code(bisections: int) -> None:
    """Its posteriors are all Σ LLR, so a uniform push fails once it has eaten up the mean reliability."""
    words = samples.words_of("repetition", 10.0, 32)
    high = torch.linspace(0.3, 2.0, len(words))
    threshold = (words.received * words.signs).mean(dim=1)
    found = smallest_scale(words, -words.signs, words.rows, high, bisections)
    reached = high >= threshold
    assert reached.any()
    assert (~reached).any()
    assert torch.equal(found.isfinite(), reached)
    found, high, threshold = found[reached], high[reached], threshold[reached]
    assert (found > threshold - 1e-5).all()
    assert (found <= threshold + high / 2**bisections + 1e-5).all()
    assert words.fails(-found[:, None] * words.signs[reached], words.rows[reached]).all()


def test_a_word_may_be_tried_with_many_directions_at_once() -> None:
    words = samples.words_of("parity", 10.0, 3)
    rows = torch.tensor([2, 0, 2, 1, 2])
    push, high, first = normal(5, 8), torch.tensor([3.0]), torch.tensor([0])
    together = smallest_scale(words, push, rows, high.expand(5), 8)
    alone = [smallest_scale(words.take(rows[[i]]), push[[i]], first, high, 8) for i in range(5)]
    assert torch.equal(together, torch.cat(alone))
    assert together.isfinite().any()


def test_nothing_fails_without_a_push() -> None:
    words = samples.words_of("regular", 6.0, 8)
    assert smallest_scale(words, -words.signs, words.rows, torch.zeros(len(words)), 4).isinf().all()


# words


def test_a_word_fails_by_its_needed_bits_only() -> None:
    words = samples.words_of("regular", 10.0, 24, noise=0.0)
    k = words.message.shape[1]
    bit = torch.arange(len(words)) % k
    other = words.message.clone()
    other[words.rows, bit] ^= 1
    towards = mapping.map_bits(words.decoder.code.encode(other), words.modulation) - words.received
    needed = torch.ones_like(words.needed)
    needed[words.rows, bit] = words.rows % 2 == 0
    padded = Words(
        words.decoder, words.modulation, words.received, words.bits, words.message, needed, words.noise_variance, 0
    )  # fmt: skip
    assert words.fails(towards, words.rows).all()
    assert torch.equal(padded.fails(towards, words.rows), words.rows % 2 == 0)
    rows = torch.tensor([5, 2, 2])
    assert padded.take(rows).fails(towards[rows], torch.arange(3)).tolist() == [False, True, True]


def test_needed_bits_of_an_image_end_with_its_checksum() -> None:
    """Flipping the first bit of the padding loses nothing, flipping the bit before it loses the image."""
    target = target_of(blocks=2)
    words, system = words_of(target), target.system
    assert isinstance(system, ClassicalSystem)
    assert target.sent.message is not None
    needed = words.needed.reshape(len(target), -1)
    used = needed.sum(dim=1)
    assert (used < needed.shape[1]).any()
    assert torch.equal(needed, torch.arange(needed.shape[1]) < used[:, None])
    for image in (used < needed.shape[1]).nonzero().flatten().tolist():
        for place, lost in ((int(used[image]), False), (int(used[image]) - 1, True)):
            message = target.sent.message[image].clone()
            message[place] ^= 1
            bits = system.code.encode(message.reshape(2, -1)).reshape(1, -1)
            shown = system.decode(mapping.map_bits(bits, system.modulation), 0.1)
            assert shown.failed.tolist() == [lost]


@pytest.mark.parametrize("modulation", ["qpsk", "16qam"])
def test_pull_is_the_derivative_of_the_weighted_reliability(modulation: str) -> None:
    words = samples.words_of("regular", 4.0 if modulation == "qpsk" else 9.0, 16, modulation, noise=0.5)
    weights, rows, step = normal(*words.bits.shape, seed=1), words.rows.flip(0), 1e-2

    def reliability(where: torch.Tensor) -> torch.Tensor:
        return (words.llr(where, rows) * words.signs[rows] * weights).double().sum(dim=1)

    slope = words.pull(weights, rows)
    for use in range(0, slope.shape[1], 7):
        ahead = torch.zeros_like(slope)
        ahead[:, use] = step
        difference = (reliability(ahead) - reliability(-ahead)) / (2 * step)
        torch.testing.assert_close(slope[:, use].double(), difference, rtol=2e-3, atol=2e-2)


def test_pull_of_qpsk_is_two_over_the_noise() -> None:
    words = samples.words_of("regular", 6.0, 4)
    weights = normal(*words.bits.shape, seed=1)
    torch.testing.assert_close(words.pull(weights, words.rows), 2 / words.noise_variance * words.signs * weights)


@pytest.mark.parametrize("modulation", ["qpsk", "16qam"])
def test_slopes_are_those_of_each_bits_own_llr(modulation: str) -> None:
    words = samples.words_of("regular", 12.0, 4, modulation)
    uses = words.received.clone().requires_grad_(True)
    towards = words.llr(uses - words.received, words.rows) * words.signs
    for bit in range(0, towards.shape[1], 5):
        (slope,) = torch.autograd.grad(towards[:, bit].sum(), uses, retain_graph=True)
        torch.testing.assert_close(words.slopes[:, bit], slope.sum(dim=1))  # it depends on one use only


def test_the_zero_word_needs_what_any_word_needs() -> None:
    """The symmetry that the benchmark and the measurement without noise rest on."""
    words = samples.words_of("regular", 6.0, 16)
    zero = zero_words(words.decoder, words.received * words.signs, words.noise_variance, 0)
    push = normal(*words.received.shape, seed=8).abs()
    high = torch.full((len(words),), 2.0)
    scale = smallest_scale(words, -push * words.signs, words.rows, high, 8)
    assert torch.equal(scale, smallest_scale(zero, -push, words.rows, high, 8))
    assert (zero.signs == 1).all()
    assert zero.needed.all()


@pytest.mark.parametrize("name", ["bp_gradient", "greedy_bits", "near_codeword", "vulnerable_set"])
def test_a_code_of_odd_length_is_attacked_over_bpsk(name: str) -> None:
    words = samples.words_of("tanner", 4.0, 8, "bpsk")
    vectors = samples.on_words(name).search(words)
    found = vectors.isfinite().all(dim=1)
    assert found.any()
    assert words.fails(vectors[found], words.rows[found]).all()
    if name == "near_codeword":  # halfway to a word at distance 20 the receiver may as well decide for that one
        assert norms(vectors[found]).square().min() < 20


# images


@pytest.mark.parametrize(("modulation", "blocks"), LAYOUTS)
def test_an_image_is_hit_on_its_cheapest_block_only(modulation: str, blocks: int) -> None:
    target = target_of(modulation, blocks)
    method = Uniform()
    result = method.run(target)
    assert result.success.all()
    assert method.seen == len(target) * blocks
    every = Uniform().search(words_of(target)).reshape(len(target), blocks, -1)
    power = every.square().sum(dim=2)
    hit = result.perturbation.reshape(every.shape)
    assert torch.equal((hit != 0).any(dim=2).nonzero()[:, 1], power.argmin(dim=1))
    torch.testing.assert_close(result.power_total.float(), power.min(dim=1).values)
    if blocks > 1:
        assert len(set(power.argmin(dim=1).tolist())) > 1, "one place for all images shows little"


def test_a_block_without_a_vector_is_never_taken_and_none_is_told_by_infinity() -> None:
    found = torch.tensor([[3.0, 0.0], [torch.inf] * 2, [torch.inf] * 2, [1.0, 1.0], [torch.inf] * 2, [torch.inf] * 2])
    hit = _cheapest_block(found, 3)
    assert hit[0].tolist() == [3.0, 0.0, 0.0, 0.0]
    assert hit[1].tolist() == [0.0, 0.0, 1.0, 1.0]
    assert hit[2].isinf().any()


@pytest.mark.parametrize(("modulation", "blocks"), LAYOUTS)
def test_what_is_claimed_is_what_the_receiver_shows(modulation: str, blocks: int) -> None:
    target = target_of(modulation, blocks)
    result = Uniform().run(target)
    torch.testing.assert_close(distortion(target, result.perturbation), result.mse)
    assert torch.equal(result.success, result.mse >= target.threshold)
    rows = torch.tensor([4, 1])
    alone = Uniform().run(part(target, rows))
    torch.testing.assert_close(alone.perturbation, result.perturbation[rows])
    assert torch.equal(alone.success, result.success[rows])


def test_images_that_noise_breaks_need_nothing_and_are_not_searched() -> None:
    target = target_of(blocks=2, noise=torch.tensor([[1.0], [12.0], [1.0], [12.0], [1.0], [1.0]]))
    method = Uniform()
    result = method.run(target)
    lost = torch.tensor([1, 3])
    assert not result.perturbation[lost].any()
    assert result.success.all()
    assert result.steps[lost].tolist() == [0, 0]
    assert (result.power_total > 0).sum() == 4
    assert method.seen == 8


def greyish(noise: float, system_blocks: int = 2) -> Target:
    """Images so close to mid-grey that a lost frame does not break them."""
    system = small_jpeg("qpsk", blocks=system_blocks)
    images = 0.5 + 0.1 * (pictures(4, 807) - 0.5)
    variance = noise_variance(8.0)
    return aimed(system, images, noise * variance**0.5 * normal(4, system.real_uses, seed=6), THRESHOLD, variance)


def assert_censored_at_the_limit(target: Target, result: AttackResult) -> None:
    assert not result.success.any()
    assert (result.mse < target.threshold).all()
    limit = power_from_psr_db(20.0, target.received.shape[1])
    torch.testing.assert_close(
        result.power_total, torch.full((len(target),), limit, dtype=torch.float64), rtol=1e-4, atol=0.0
    )


def test_images_that_grey_cannot_break_are_censored_at_the_limit() -> None:
    target = greyish(noise=1.0)
    result = Uniform().run(target)
    assert_censored_at_the_limit(target, result)
    blocks = result.perturbation.reshape(len(target), 2, -1)
    assert ((blocks != 0).any(dim=2).sum(dim=1) == 1).all(), "raised, but still the vector that was found"


@pytest.mark.parametrize("name", ["vulnerable_set", "bp_gradient"])
def test_an_image_that_survives_the_loss_of_a_block_to_noise_is_censored_too(name: str) -> None:
    """There the search has nothing to do, and its vector may even be zero."""
    target = greyish(noise=12.0)
    assert words_of(target).fails(torch.zeros(8, 384), torch.arange(8)).any()
    changes = {"max_steps": 0, "from_sets": False} if name == "bp_gradient" else {}
    assert_censored_at_the_limit(target, samples.attack(name, **changes).run(target))


def test_where_the_search_finds_nothing_all_uses_are_pushed() -> None:
    target = target_of()
    result = Uniform(high=1e-3).run(target)
    assert result.success.all()
    directions = result.perturbation / norms(result.perturbation)[:, None]
    expected = -target.sent.codewords / norms(target.sent.codewords)[:, None]
    torch.testing.assert_close(directions, expected)


def test_images_that_were_never_sent_are_left_alone() -> None:
    target = target_of(blocks=2)
    target.sent.feasible[2] = False
    method = Uniform()
    result = method.run(target)
    assert method.seen == 10
    assert not result.perturbation[2].any()
    assert result.steps[2] == 0
    assert (result.power_total[torch.arange(6) != 2] > 0).all()


def test_nothing_to_attack_is_no_error() -> None:
    target = target_of(count=2)
    target.sent.feasible[:] = False
    result = Uniform().run(target)
    assert not result.perturbation.any()


# a receiver that tries again


def test_a_word_is_broken_only_where_the_retry_fails_too() -> None:
    """Some of what an attack finds against belief propagation is repaired, nothing of what it finds against both."""
    plain = samples.words_of("regular", 9.0, 6)
    retry = OrderedStatistics(plain.decoder.code)
    both = replace(plain, retry=retry)
    method = on_words("vulnerable_set")
    easy, hard = (method.search(words) for words in (plain, both))
    assert plain.fails(easy, plain.rows).all()
    repaired = ~both.fails(easy, both.rows)
    assert repaired.any()
    assert both.fails(hard, both.rows).all()
    assert (norms(hard) > norms(easy))[repaired].all()
    llr = both.llr(hard, both.rows)
    again = retry.decode(llr, both.decoder.decode(llr))
    assert ((again != both.message) & both.needed).any(dim=1).all()
