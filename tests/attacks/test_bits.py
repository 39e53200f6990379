"""Attacks on bit-based systems: which uses they move, and by exactly how much."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from semrobust.attacks.base import AttackResult, Target, cheaper
from semrobust.attacks.code.least_reliable import _displacement, _ranks
from semrobust.attacks.on_air.directions import DirectionAttack
from semrobust.phy import mapping
from semrobust.systems.base import Decoded
from semrobust.systems.jpeg_ldpc import JpegLdpcSystem
from tests.attacks.samples import aimed, attack, normal, pictures, small_jpeg

MODULATIONS = ("qpsk", "16qam")


def target_of(modulation: str, noise: float, count: int = 4) -> Target:
    system = small_jpeg(modulation)
    return aimed(system, pictures(count, 800), noise * normal(count, system.real_uses), 10**-1.5, 0.05)


def hard_bits(target: Target, perturbation: torch.Tensor) -> torch.Tensor:
    """Bits of the nearest level of each received use, found by distance and not by LLR."""
    modulation = target.system.soft_bits().modulation
    levels = torch.from_numpy(modulation.levels.copy())
    received = target.received + perturbation
    nearest = (received[..., None] - levels).abs().argmin(dim=-1)
    labels = torch.from_numpy(modulation.labels.copy())[nearest]
    n = received.shape[1] * modulation.bits_per_use
    use, position = modulation.bit_use(n), modulation.bit_position(n)
    return labels[:, torch.from_numpy(use), torch.from_numpy(position)]


def direction_of(name: str, target: Target) -> torch.Tensor:
    method = attack(name)
    assert isinstance(method, DirectionAttack)
    return method.direction(target)


def sent_bits(target: Target) -> torch.Tensor:
    assert target.sent.bits is not None
    return target.sent.bits


@pytest.mark.parametrize("modulation", MODULATIONS)
@pytest.mark.parametrize("share", [0.02, 0.3, 1.0])
def test_displacement_makes_exactly_the_chosen_bits_wrong(modulation: str, share: float) -> None:
    target = target_of(modulation, noise=0.0)
    bits = sent_bits(target)
    flip = torch.rand(bits.shape, generator=torch.Generator().manual_seed(1)) < share
    moved = _displacement(target, flip, torch.arange(len(target)))
    wrong = hard_bits(target, moved) != bits
    assert flip.any()
    assert wrong[flip].all()
    use = torch.from_numpy(target.system.soft_bits().modulation.bit_use(bits.shape[1]))
    touched = torch.zeros(target.received.shape, dtype=torch.bool)
    for row, bit in flip.nonzero().tolist():
        touched[row, use[bit]] = True
    assert torch.equal(moved != 0, touched), "a use without a flipped bit was moved, or one with it was not"
    if modulation == "qpsk":
        assert torch.equal(wrong, flip)
    else:  # a bit that shares its use with a flipped one may come along, no other
        assert not wrong[~touched[:, use]].any()


@pytest.mark.parametrize("modulation", MODULATIONS)
def test_displacement_ends_on_the_nearest_level_with_the_wrong_bits(modulation: str) -> None:
    """Against a search over the levels of every use, with noise."""
    target = target_of(modulation, noise=0.4, count=2)
    mod, bits = target.system.soft_bits().modulation, sent_bits(target)
    flip = torch.rand(bits.shape, generator=torch.Generator().manual_seed(2)) < 0.3
    moved = _displacement(target, flip, torch.arange(2))
    use, position = mod.bit_use(bits.shape[1]), mod.bit_position(bits.shape[1])
    chosen: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for row, bit in flip.nonzero().tolist():
        chosen.setdefault((row, int(use[bit])), []).append((int(position[bit]), int(bits[row, bit])))
    for (row, place), members in chosen.items():
        y = float(target.received[row, place])
        levels = [
            float(level)
            for level, label in zip(mod.levels, mod.labels, strict=True)
            if all(label[where] != truth for where, truth in members)
        ]
        nearest = min(levels, key=lambda level: abs(level - y))
        assert float(moved[row, place]) == pytest.approx(nearest - y, abs=1e-6)


@pytest.mark.parametrize("modulation", MODULATIONS)
def test_ranks_rise_with_reliability_and_wrong_bits_come_last(modulation: str) -> None:
    target = target_of(modulation, noise=0.7)
    llr = target.system.soft_bits().llr(target.received, target.noise_variance)
    margin = llr * (1 - 2 * sent_bits(target).float())
    ranks = _ranks(target)
    assert torch.equal(ranks.sort(dim=1).values, torch.arange(ranks.shape[1]).expand_as(ranks))
    for row in range(len(target)):
        in_order = margin[row][ranks[row].argsort()]
        right = int((margin[row] > 0).sum())
        assert 0 < right < len(in_order)
        assert (in_order[:right] > 0).all()
        assert (in_order[:right].diff() >= 0).all()
        assert (in_order[right:] <= 0).all()


class Threshold(JpegLdpcSystem):
    """Fails as soon as `limit` coded bits are decided wrong; without any decoder, so the exact k is known."""

    def __init__(self, of: JpegLdpcSystem, truth: torch.Tensor, limit: int) -> None:
        super().__init__(of.settings, of.real_uses, of.code)
        self.truth, self.limit, self.tried = truth, limit, list[int]()

    def decode(self, received: torch.Tensor, noise_variance: float | torch.Tensor) -> Decoded:
        wrong = ((self.llr(received, noise_variance) < 0) != self.truth.bool()).sum(dim=1)
        self.tried.append(int(wrong[0]))
        shown = (wrong >= self.limit).float()[:, None, None, None].expand(-1, 3, 32, 32)
        return Decoded(shown, wrong >= self.limit)


def counting(limit: int, noise: float) -> tuple[Target, Threshold]:
    """One image, black, that turns white once `limit` bits are wrong."""
    base = target_of("qpsk", noise, count=1)
    system = Threshold(small_jpeg(), sent_bits(base), limit)
    target = Target(
        system, torch.zeros(1, 3, 32, 32), base.sent, base.received, base.noise_variance, 0.5, base.directions, 0
    )  # fmt: skip
    return target, system


@pytest.mark.parametrize("limit", [1, 2, 37, 200, 768])
def test_fewest_flipped_bits_are_found_and_they_are_the_least_reliable(limit: int) -> None:
    target, _ = counting(limit, noise=0.3)
    start = int((hard_bits(target, torch.zeros(1)) != sent_bits(target)).sum())
    result = attack("least_reliable_bits", margins=[1.0], grid=24, bisections=12).run(target)
    assert result.success.all()
    needed = max(0, limit - start)
    moved = result.perturbation[0] != 0
    assert int(moved.sum()) == needed
    # QPSK: the reliability of a bit is the distance of its use from zero, and the cheapest flip is onto zero
    reliability = (target.received * target.sent.codewords)[0]
    assert torch.equal(moved, moved & (reliability > 0)), "a bit that was already wrong was paid for"
    right = reliability[reliability > 0].sort().values[:needed]
    assert torch.equal(reliability[moved].sort().values, right)
    # flipping a bit means crossing zero: no power below Σ reliability², and none above the way onto the wrong level
    assert float(result.power_total) >= float(right.double().square().sum()) * (1 - 1e-6)
    assert float(result.power_total) <= float((right.double() + 1).square().sum()) * (1 + 1e-6)


def test_grid_of_flipped_bits_is_geometric_from_one_to_all() -> None:
    target, system = counting(limit=10**6, noise=0.0)
    result = attack("least_reliable_bits", margins=[1.0], grid=4, bisections=5).run(target)
    assert not result.success.any()
    # nothing, then below 768^(i/3) flipped bits, then the last vector again while scaling: untouched and once
    expected = [0, 1, *(sum(rank < 768 ** (i / 3) for rank in range(768)) for i in (1, 2)), 768, 0, 768]
    assert system.tried == expected
    # censored: the strongest perturbation tried, every use onto the opposite level
    assert torch.equal(result.perturbation, -2 * target.sent.codewords)
    assert float(result.power_total) == pytest.approx(4 * 768)


def test_margin_scales_the_displacement() -> None:
    target, _ = counting(limit=10**6, noise=0.0)
    result = attack("least_reliable_bits", margins=[0.7], grid=2, bisections=1).run(target)
    assert float(result.power_total) == pytest.approx(0.49 * 4 * 768, rel=1e-5)


def outcome(success: list[bool], norms: list[float]) -> AttackResult:
    steps = torch.ones(len(norms), dtype=torch.int64)
    return AttackResult(torch.tensor(norms)[:, None], torch.tensor(success), torch.tensor(norms), steps)


def test_cheaper_prefers_success_then_less_power_then_the_stronger_failure() -> None:
    first = outcome([True, True, True, False, False, False], [1.0, 3.0, 9.0, 1.0, 1.0, 2.0])
    second = outcome([True, True, False, True, False, False], [2.0, 2.0, 1.0, 8.0, 2.0, 1.0])
    best = cheaper(first, second)
    assert best.perturbation[:, 0].tolist() == [1.0, 2.0, 9.0, 8.0, 2.0, 2.0]
    assert best.success.tolist() == [True, True, True, True, False, False]
    assert best.mse.tolist() == best.perturbation[:, 0].tolist()
    assert best.steps.tolist() == [2] * 6


@pytest.mark.parametrize("modulation", MODULATIONS)
def test_directions_have_unit_power_per_use(modulation: str) -> None:
    target = target_of(modulation, noise=0.3)
    uses = target.system.real_uses
    for name in ("random", "all_bits"):
        power = direction_of(name, target).double().square().sum(dim=1)
        torch.testing.assert_close(power, torch.full((len(target),), float(uses)).double(), rtol=1e-5, atol=0.0)


@pytest.mark.parametrize("modulation", MODULATIONS)
def test_all_bits_pushes_every_use_towards_the_wrong_sign(modulation: str) -> None:
    target = target_of(modulation, noise=0.3)
    direction = direction_of("all_bits", target)
    assert ((direction * target.sent.codewords) < 0).all()
    assert (direction.abs() == 1.0).all()
    # at amplitude 2·(outermost level) every sign bit is wrong
    received = target.sent.codewords + 2 * float(target.system.soft_bits().modulation.levels.max()) * direction
    bits = mapping.llr(received, 0.1, target.system.soft_bits().modulation) < 0
    n = bits.shape[1]
    sign = torch.from_numpy(target.system.soft_bits().modulation.bit_position(n)) == 0
    assert (bits[:, sign] != sent_bits(target)[:, sign].bool()).all()


def test_random_direction_belongs_to_the_image() -> None:
    target = target_of("qpsk", noise=0.3)
    direction = direction_of("random", target)
    cosine = torch.nn.functional.cosine_similarity(direction, target.directions)
    torch.testing.assert_close(cosine, torch.ones(len(target)))
    across = torch.nn.functional.cosine_similarity(direction[0], direction[1], dim=0)
    assert abs(float(across)) < 0.2


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("random", {"stop_psr_db": -20.0}, "stop_psr_db must exceed"),
        ("random", {"step_db": 0.0}, "step_db"),
        ("least_reliable_bits", {"margins": []}, "margins"),
        ("least_reliable_bits", {"grid": 1}, "grid"),
        ("pga", {"step": -0.1}, "step"),
        ("pga", {"max_steps": 0}, "max_steps"),
        ("pga", {"unknown": 1}, "unknown"),
    ],
)
def test_wrong_settings_are_refused(name: str, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        attack(name, **changes)
