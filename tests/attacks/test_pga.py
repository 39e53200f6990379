"""Progressive gradient ascent where the gradient's direction, hence every number, is known."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping

import pytest
import torch
from scipy.optimize import brentq

from semrobust.attacks.base import Target
from semrobust.systems.deepjscc import DeepJSCCSystem
from tests.attacks.samples import (
    PIXELS,
    Diagonal,
    aimed,
    attack,
    deepjscc_settings,
    grey,
    normal,
    part,
    pictures,
    small_deepjscc,
)

USES, GAIN = 32, 2.0


def isotropic(count: int = 10, threshold: float = 0.02, noise: float = 0.3) -> Target:
    """Error G (n + s): the gradient always points along n, and the least ||s|| is (√(D*·3072) - G||n||)/G."""
    scales = noise * torch.linspace(0.2, 1.0, count)[:, None]
    return aimed(Diagonal(torch.full((USES,), GAIN)), grey(count), scales * normal(count, USES), threshold)


def least_norm(target: Target) -> torch.Tensor:
    """Norm of the weakest perturbation of the isotropic receiver, (√T* - √T0)/G with squared errors T."""
    before: torch.Tensor = GAIN * target.received.double().norm(dim=1)
    return (math.sqrt(PIXELS * target.threshold) - before) / GAIN


def test_power_after_k_equal_steps_is_k_alpha_squared() -> None:
    target = isotropic()
    step = 0.13
    result = attack("pga", step=step, epsilon=1e-12).run(target)
    assert result.success.all()
    count = torch.ceil(least_norm(target) / step)
    assert len(set(count.tolist())) > 3
    assert torch.equal(result.steps, count.long())
    torch.testing.assert_close(result.power_total, (step * count) ** 2, rtol=1e-5, atol=0.0)
    along = torch.nn.functional.cosine_similarity(result.perturbation, target.received)
    torch.testing.assert_close(along, torch.ones(len(target)), rtol=0.0, atol=1e-6)


def test_power_is_within_one_step_of_the_closed_form_bound_and_refined_below_it() -> None:
    target = isotropic()
    bound, step, bisections = least_norm(target), 0.1, 8
    norm = attack("pga", step=step).run(target).power_total.sqrt()
    refined = attack("pga_refined", step=step, bisections=bisections).run(target)
    assert (bound > 3 * step).all()
    assert (norm >= bound - 1e-5).all()
    assert (norm <= bound + step + 1e-5).all()
    assert refined.success.all()
    assert (refined.power_total.sqrt() <= norm).all()
    assert (refined.power_total.sqrt() >= bound - 1e-5).all()
    assert (refined.power_total.sqrt() <= bound + step / 2**bisections + 1e-5).all()
    assert (refined.mse >= target.threshold).all()
    torch.testing.assert_close(refined.mse, target.distortion(refined.perturbation))


def test_epsilon_stands_in_the_denominator() -> None:
    target = isotropic(count=4)
    # the gradient of the mean squared error is 2 G² n / 3072; ε of the same size halves the first step
    sizes = 2 * GAIN**2 * target.received.norm(dim=1) / PIXELS
    for row, size in enumerate(sizes.tolist()):
        one = part(target, torch.tensor([row]))
        result = attack("pga", step=0.1, epsilon=size, max_steps=1).run(one)
        assert float(result.power_total.sqrt()) == pytest.approx(0.05, rel=1e-4)


def test_stops_at_the_first_crossing_of_each_image() -> None:
    target = isotropic()
    method = attack("pga", step=0.1)
    result = method.run(target)
    for row, steps in enumerate(result.steps.tolist()):
        one = part(target, torch.tensor([row]))
        before = attack("pga", step=0.1, max_steps=steps - 1).run(one)
        assert not before.success.any(), "an earlier step had broken the image already"
        assert bool((before.mse < target.threshold).all())
        assert bool((result.mse[row] >= target.threshold).all())


@pytest.mark.parametrize("name", ["pga", "pga_refined"])
def test_step_limit_censors_at_the_strongest_perturbation(name: str) -> None:
    target = isotropic(threshold=10.0)
    result = attack(name, step=0.1, max_steps=7).run(target)
    assert not result.success.any()
    assert (result.steps == 7).all()
    torch.testing.assert_close(result.power_total.sqrt(), torch.full((len(target),), 0.7).double(), rtol=1e-5, atol=0.0)
    torch.testing.assert_close(result.mse, target.distortion(result.perturbation))


@pytest.mark.parametrize("name", ["pga", "pga_refined"])
def test_images_broken_by_the_channel_alone_cost_nothing(name: str) -> None:
    target = isotropic(threshold=0.001)
    before = target.distortion(torch.zeros_like(target.received))
    broken = before >= target.threshold
    assert 0 < int(broken.sum()) < len(target)
    result = attack(name).run(target)
    assert result.success.all()
    assert torch.equal(result.power_total == 0, broken)
    assert torch.equal(result.steps == 0, broken)


def optimum(error: torch.Tensor, gains: torch.Tensor, total: float) -> float:
    """Least ||s||² with ||e + diag(g) s||² = total: s_i = λ g_i e_i / (1 - λ g_i²) with λ from the secular equation."""

    def surplus(multiplier: float) -> float:
        return float((error / (1 - multiplier * gains**2)).square().sum()) - total

    multiplier = brentq(surplus, 0.0, (1 - 1e-9) / float(gains.max()) ** 2)
    return float((multiplier * gains * error / (1 - multiplier * gains**2)).square().sum())


def test_unequal_gains_are_attacked_along_the_strongest_direction() -> None:
    gains = torch.ones(USES)
    gains[5] = 3.0
    target = aimed(Diagonal(gains), grey(8), 0.05 * normal(8, USES), 0.02)
    assert isinstance(target.system, Diagonal)
    errors = (gains * target.received).double()
    total = PIXELS * target.threshold
    best = torch.tensor([optimum(error, gains.double(), total) for error in errors], dtype=torch.float64)
    bound = ((math.sqrt(total) - errors.norm(dim=1)) / 3.0) ** 2
    assert (best >= bound).all(), "the reference solution breaks the triangle inequality"
    refined = attack("pga_refined", step=0.02).run(target)
    assert refined.success.all()
    assert (refined.power_total >= best * (1 - 1e-5)).all(), "below the least possible power"
    assert (refined.power_total <= best * 1.05).all()
    share = refined.perturbation[:, 5].abs() / refined.perturbation.norm(dim=1)
    assert (share > 0.95).all()


def test_refined_is_never_worse_on_any_image_of_a_network() -> None:
    system = small_deepjscc()
    target = aimed(system, pictures(8, 800), 0.3 * normal(8, 128), 0.05)
    plain, refined = (attack(name, max_steps=150).run(target) for name in ("pga", "pga_refined"))
    assert torch.equal(plain.success, refined.success)
    assert plain.success.any()
    assert (refined.power_total <= plain.power_total).all()
    moved = plain.success & (plain.steps > 0)
    assert (refined.power_total[moved] < plain.power_total[moved]).any()
    # only the last step is shortened: by the triangle inequality no norm falls by more than one step length
    assert (plain.power_total.sqrt() - refined.power_total.sqrt() <= 0.1 + 1e-5).all()


def test_a_network_s_image_does_not_depend_on_its_batch() -> None:
    target = aimed(small_deepjscc(), pictures(8, 800), 0.3 * normal(8, 128), 0.05)
    whole = attack("pga_refined", max_steps=150).run(target)
    rows = torch.tensor([7, 3])
    alone = attack("pga_refined", max_steps=150).run(part(target, rows))
    assert torch.equal(alone.success, whole.success[rows])
    torch.testing.assert_close(alone.power_total, whole.power_total[rows], rtol=1e-2, atol=0.0)


def fingerprint(tensors: Mapping[str, torch.Tensor]) -> str:
    hashed = hashlib.sha256()
    for name, tensor in tensors.items():
        hashed.update(name.encode() + tensor.detach().numpy().tobytes())
    return hashed.hexdigest()


@pytest.mark.parametrize("name", ["random", "pga", "pga_refined", "minimum_norm", "carlini_wagner"])
@pytest.mark.parametrize("training", [True, False])
def test_model_and_inputs_are_left_as_they_were(name: str, training: bool) -> None:
    system = DeepJSCCSystem.create(deepjscc_settings(), 128, 3)
    system.module.train(training)
    next(system.module.decoder.parameters()).requires_grad_(False)
    flags = [parameter.requires_grad for parameter in system.module.parameters()]
    assert len(set(flags)) == 2
    target = aimed(system, pictures(4), 0.3 * normal(4, 128), 0.3)
    inputs = {"images": target.images, "codewords": target.sent.codewords, "received": target.received,
              "directions": target.directions}  # fmt: skip
    weights, given = fingerprint(system.state()), fingerprint(inputs)
    changes = {"max_steps": 20} if name.startswith("pga") else {}
    result = attack(name, **changes).run(target)
    assert (result.steps > 0).all(), "nothing was attacked"
    assert fingerprint(system.state()) == weights
    assert fingerprint(inputs) == given
    assert [parameter.requires_grad for parameter in system.module.parameters()] == flags
    assert all(parameter.grad is None for parameter in system.module.parameters())
    assert all(module.training == training for module in system.module.modules())
    assert not any(tensor.requires_grad for tensor in (*inputs.values(), result.perturbation, result.mse))
