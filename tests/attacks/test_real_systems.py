"""Every attack of params.yaml on small real systems: what it claims is what the receiver shows."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest
import torch

from semrobust.attacks.base import Attack, AttackResult, Target, untouched
from semrobust.phy.power import noise_variance
from semrobust.systems.base import System, grey_images
from semrobust.systems.classical import ClassicalSystem
from semrobust.systems.distortion import mean_squared_error
from tests.attacks.samples import PARAMS, aimed, attack, normal, part, pictures, small_deepjscc, small_jpeg

SNR_DB = 8.0
IMAGES = 8
SYSTEMS: dict[str, Callable[[], System]] = {
    "deepjscc": small_deepjscc,
    "jpeg_qpsk": lambda: small_jpeg("qpsk"),
    "jpeg_16qam": lambda: small_jpeg("16qam"),
    # punctured nodes, and two codewords per image
    "nr_blocks_qpsk": lambda: small_jpeg("qpsk", "nr", 2),
    "nr_blocks_16qam": lambda: small_jpeg("16qam", "nr", 2),
}
CLASSICAL = [name for name in SYSTEMS if name != "deepjscc"]


def system_named(name: str) -> System:
    return SYSTEMS[name]()


@cache
def target_of(name: str) -> Target:
    system = system_named(name)
    # 16-QAM needs a better channel than QPSK for the same code
    snr_db = SNR_DB + 8.0 * name.endswith("16qam")
    noise = noise_variance(snr_db) ** 0.5 * normal(IMAGES, system.real_uses, seed=9)
    return aimed(system, pictures(IMAGES, 807), noise, 10**-1.5, noise_variance(snr_db))


def make(method: str) -> Attack:
    """The attack; how well one has learned does not matter here."""
    learning = PARAMS.section("attacks", "dqn_bits")["learning"] | {"rounds": 1}
    return attack(method, **({"max_bits": 6, "starts": 1, "learning": learning} if method == "dqn_bits" else {}))


made = cache(make)
"""One instance serves many targets, and has then learned."""


@cache
def result_of(name: str, method: str) -> AttackResult:
    return made(method).run(target_of(name))


CAPABILITIES = {"deepjscc": frozenset({"gradient"}), **dict.fromkeys(CLASSICAL, frozenset({"soft_bits"}))}
PAIRS = [
    (name, method) for name in SYSTEMS for method in PARAMS.attacks if attack(method).requires <= CAPABILITIES[name]
]


LONG = ("dqn_bits", "greedy_bits")
TRIED = [pytest.param(*pair, marks=[pytest.mark.slow] * (pair[1] in LONG)) for pair in PAIRS]


def test_capabilities_are_those_that_the_pairs_assume() -> None:
    assert {name: system_named(name).capabilities for name in SYSTEMS} == CAPABILITIES
    assert set(PARAMS.attacks) - {method for _, method in PAIRS} == {"turned_indices"}  # tests/attacks/test_naming.py


@pytest.mark.parametrize(("name", "method"), TRIED)
def test_claims_hold_when_the_perturbation_is_decoded_again(name: str, method: str) -> None:
    target, result = target_of(name), result_of(name, method)
    assert result.success.any(), "nothing was broken: the test shows nothing"
    assert (result.steps > 0).any()
    assert torch.isfinite(result.perturbation).all()
    assert torch.isfinite(result.mse).all()
    shown = target.system.decode(target.received + result.perturbation, target.noise_variance).images
    again = mean_squared_error(shown, target.images)
    torch.testing.assert_close(result.mse, again, rtol=1e-4, atol=1e-7)
    assert torch.equal(result.success, result.mse >= target.threshold)
    squares = result.perturbation.double().square().sum(dim=1)
    torch.testing.assert_close(result.power_total, squares, rtol=1e-12, atol=0.0)


@pytest.mark.parametrize(("name", "method"), TRIED)
def test_result_is_the_same_when_run_again(name: str, method: str) -> None:
    anew = made if method == "dqn_bits" else make  # test_dqn.py trains again
    first, second = result_of(name, method), anew(method).run(target_of(name))
    for field in ("perturbation", "success", "mse", "steps"):
        assert torch.equal(getattr(first, field), getattr(second, field)), field


ALONE = [each for each in TRIED if each.values[0] in CLASSICAL and each.values[1] != "spoofing"]
"""Of pairs on a chain those whose images are attacked each for itself: spoofing asks for other pictures."""


@pytest.mark.parametrize(("name", "method"), ALONE)
def test_image_of_a_classical_system_does_not_depend_on_its_batch(name: str, method: str) -> None:
    rows = torch.tensor([5, 1])
    alone, whole = made(method).run(part(target_of(name), rows)), result_of(name, method)
    for field in ("perturbation", "success", "mse", "steps"):
        assert torch.equal(getattr(alone, field), getattr(whole, field)[rows]), field


@pytest.mark.parametrize("name", list(SYSTEMS))
def test_no_perturbation_is_the_clean_decode(name: str) -> None:
    target = target_of(name)
    nothing = untouched(target)
    shown = target.system.decode(target.received, target.noise_variance).images
    assert torch.equal(nothing.mse, mean_squared_error(shown, target.images))
    assert torch.equal(nothing.success, nothing.mse >= target.threshold)
    assert not nothing.perturbation.any()
    assert not nothing.steps.any()
    rows = torch.tensor([3, 0])
    torch.testing.assert_close(
        target.distortion(torch.zeros(2, target.system.real_uses), rows), nothing.mse[rows], rtol=1e-4, atol=1e-7
    )


@pytest.mark.parametrize("name", CLASSICAL)
def test_images_that_grey_does_not_break_are_censored_not_faked(name: str) -> None:
    """A classical receiver that fails shows mid-grey, so an image close to grey cannot be broken that way."""
    target = target_of(name)
    system, variance = target.system, target.noise_variance
    images = torch.full((IMAGES, 3, 32, 32), 0.5)
    flat = aimed(system, images, target.received - target.sent.codewords, target.threshold, variance)
    result = attack("all_bits").run(flat)
    assert not result.success.any()
    torch.testing.assert_close(
        result.power_total, torch.full((IMAGES,), 100.0 * target.system.real_uses).double(), rtol=1e-5, atol=0.0
    )


@pytest.mark.parametrize("name", CLASSICAL)
def test_least_reliable_bits_is_the_cheapest_attack_of_the_three(name: str) -> None:
    means = {
        method: float(result_of(name, method).power_total.mean())
        for method in ("random", "all_bits", "least_reliable_bits")
    }
    assert means["least_reliable_bits"] < 0.5 * means["all_bits"]
    assert means["least_reliable_bits"] < 0.5 * means["random"]


@pytest.mark.parametrize("name", CLASSICAL)
def test_attacks_on_codewords_are_the_cheapest_and_hit_one_block(name: str) -> None:
    target = target_of(name)
    breakable = mean_squared_error(grey_images(IMAGES), target.images) >= target.threshold
    methods = ("least_reliable_bits", "near_codeword", "vulnerable_set", "bp_gradient")
    results = {method: result_of(name, method) for method in methods}
    means = {method: float(result.power_total[breakable].mean()) for method, result in results.items()}
    assert means["bp_gradient"] <= means["vulnerable_set"] < means["least_reliable_bits"]
    assert means["near_codeword"] < means["least_reliable_bits"]
    assert isinstance(target.system, ClassicalSystem)
    for method in methods[1:]:
        assert torch.equal(results[method].success, breakable)
        hit = (results[method].perturbation.reshape(IMAGES, target.system.blocks, -1) != 0).any(dim=2)
        assert torch.equal(hit.sum(dim=1), (results[method].power_total > 0).long())


def test_gradient_is_the_cheaper_attack_on_a_network() -> None:
    means = {
        method: float(result_of("deepjscc", method).power_total[result_of("deepjscc", method).success].mean())
        for method in ("random", "pga_refined")
    }
    assert means["pga_refined"] < 0.5 * means["random"]
