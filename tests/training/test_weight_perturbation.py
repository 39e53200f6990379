"""Adversarial weight perturbation: the bound layer by layer, the direction, and weights back to the last bit."""

from __future__ import annotations

import pytest
import torch

from semrobust.attacks.image.classifier import deterministic, evaluating
from semrobust.attacks.image.semantic_noise import adversarial_batch, fgsm, iterative_fgsm
from semrobust.errors import TrainingError
from semrobust.training.weight_perturbation import perturb, perturbation, perturbed, restore, weights
from tests.attacks.noise_samples import fingerprint, labels, network, numbered, settings, stored

GAMMA = 5e-3
COUNT = 8


def loss_of(model: torch.nn.Module) -> torch.Tensor:
    with evaluating(model):
        return torch.nn.functional.cross_entropy(model(stored(COUNT)), labels(COUNT, 4))


class Quadratic(torch.nn.Module):
    """Loss a/2 ||W - C||², with gradient a (W - C)."""

    def __init__(self, scale: float = 3.0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.weight = torch.nn.Parameter(torch.randn((4, 5), generator=generator))
        self.centre, self.scale = torch.randn((4, 5), generator=generator), scale

    def loss(self) -> torch.Tensor:
        return self.scale / 2 * (self.weight - self.centre).square().sum()


def test_bound_is_met_with_equality_in_every_layer() -> None:
    model = network()
    taking_part = weights(model)
    v = perturbation(loss_of(model), taking_part, GAMMA)
    assert list(v) == ["0.weight", "5.weight"]
    before = loss_of(model).detach()
    gradients = torch.autograd.grad(loss_of(model), list(taking_part.values()))
    for (name, parameter), gradient in zip(taking_part.items(), gradients, strict=True):
        assert float(v[name].norm()) == pytest.approx(GAMMA * float(parameter.detach().norm()), rel=1e-6)
        aligned = torch.nn.functional.cosine_similarity(v[name].flatten(), gradient.flatten(), dim=0)
        assert float(aligned) == pytest.approx(1.0, abs=1e-6)
        assert not v[name].requires_grad
    assert all(parameter.grad is None for parameter in model.parameters())
    with perturbed(taking_part, v):
        assert bool(loss_of(model) > before)


def test_closed_form_of_a_quadratic_loss() -> None:
    model = Quadratic()
    away = (model.weight - model.centre).detach()
    radius = 0.1 * float(model.weight.detach().norm())
    v = perturbation(model.loss(), weights(model), 0.1)
    torch.testing.assert_close(v["weight"], radius * away / away.norm())
    with perturbed(weights(model), v):
        # the largest loss in the ball: the distance to the centre grows by the whole radius
        assert float(model.loss().detach()) == pytest.approx(1.5 * (float(away.norm()) + radius) ** 2, rel=1e-5)
    scaled = perturbation(1024 * model.loss(), weights(model), 0.1)
    assert torch.equal(scaled["weight"], v["weight"]), "a loss scale must not matter"


def test_sgd_step_uses_the_gradient_at_the_perturbed_weights() -> None:
    model = Quadratic()
    start, rate = model.weight.detach().clone(), 0.05
    optimizer = torch.optim.SGD(model.parameters(), rate)
    v = perturbation(model.loss(), weights(model), 0.1)
    with perturbed(weights(model), v):
        model.loss().backward()  # type: ignore[no-untyped-call]
    assert torch.equal(model.weight, start)
    optimizer.step()
    gradient = model.scale * (start + v["weight"] - model.centre)
    torch.testing.assert_close(model.weight.detach(), start - rate * gradient)


def test_norms_biases_bare_and_frozen_parameters_take_no_part() -> None:
    model = network()
    model.register_parameter("positions", torch.nn.Parameter(torch.ones(3, 4)))
    model[5].weight.requires_grad_(False)
    assert list(weights(model)) == ["0.weight"]
    attention = torch.nn.MultiheadAttention(8, 2)
    assert list(weights(attention)) == ["in_proj_weight", "out_proj.weight"]
    tied = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Linear(4, 4))
    tied[1].weight = tied[0].weight
    assert list(weights(tied)) == ["0.weight"]
    others = {name: value.clone() for name, value in model.state_dict().items() if name != "0.weight"}
    with perturbed(weights(model), perturbation(loss_of(model), weights(model), 0.5)):
        changed = model.state_dict()
        assert all(torch.equal(changed[name], value) for name, value in others.items())


def test_weights_come_back_to_the_last_bit() -> None:
    model = network()
    with torch.no_grad():
        model.get_parameter("5.weight").mul_(torch.logspace(-12, 6, 96))  # sizes at which adding and subtracting rounds
    taking_part, before = weights(model), fingerprint(model)
    v = perturbation(loss_of(model), taking_part, GAMMA)
    saved = perturb(taking_part, v)
    assert fingerprint(model) != before
    with torch.no_grad():
        back = [parameter - v[name] for name, parameter in taking_part.items()]
    restore(taking_part, saved)
    assert fingerprint(model) == before
    rounded = [torch.equal(one, two) for one, two in zip(back, taking_part.values(), strict=True)]
    assert not all(rounded), "subtracting would do, and the test shows nothing"
    for error in (KeyError, KeyboardInterrupt):
        with pytest.raises(error), perturbed(taking_part, v):
            raise error
        assert fingerprint(model) == before


def test_an_optimizer_step_inside_is_an_error_and_undone() -> None:
    model = Quadratic()
    before = model.weight.detach().clone()
    optimizer = torch.optim.AdamW(model.parameters(), 0.1)
    v = perturbation(model.loss(), weights(model), GAMMA)
    saved = perturb(weights(model), v)
    model.loss().backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    with pytest.raises(RuntimeError, match="step the optimizer after restoring"):
        restore(weights(model), saved)
    assert torch.equal(model.weight, before)


def test_nothing_to_climb_or_to_scale_gives_no_perturbation() -> None:
    model = Quadratic()
    taking_part = weights(model)
    assert not perturbation(0 * model.loss(), taking_part, GAMMA)["weight"].any()
    assert not perturbation(model.loss(), taking_part, 0.0)["weight"].any()
    unused = {**taking_part, "other": torch.nn.Parameter(torch.ones(2, 2))}
    v = perturbation(model.loss(), unused, GAMMA)
    assert v["weight"].any()
    assert not v["other"].any()
    with torch.no_grad():
        model.weight.zero_()
    assert not perturbation(model.loss(), taking_part, GAMMA)["weight"].any()


def test_errors_say_what_is_wrong() -> None:
    model = Quadratic()
    taking_part, before = weights(model), model.weight.detach().clone()
    for factor in (float("nan"), float("inf")):
        with pytest.raises(TrainingError, match=r"the loss that the weights are perturbed for is (nan|inf)"):
            perturbation(factor * model.loss(), taking_part, GAMMA)
    root = (model.weight - model.weight.detach()).square().sum().sqrt()  # 0, with gradient 0/0
    with pytest.raises(TrainingError, match="gradient of 'weight'"):
        perturbation(root, taking_part, GAMMA)
    for gamma in (-1.0, float("nan")):
        with pytest.raises(ValueError, match="gamma"):
            perturbation(model.loss(), taking_part, gamma)
    with pytest.raises(ValueError, match="differ in weight"):
        perturb(taking_part, {"weight": torch.ones(1, 5)})
    with pytest.raises(ValueError, match="differ in other"):
        perturb(taking_part, {"weight": torch.ones(4, 5), "other": torch.ones(1)})
    assert torch.equal(model.weight, before)


@pytest.mark.parametrize("iterations", [1, 3])
def test_clean_samples_stay_in_the_batch(iterations: int) -> None:
    model = network()
    before = fingerprint(model)
    given = settings(iterations=iterations, step=10 / 255, random_start=True)
    with evaluating(model):
        batch = adversarial_batch(deterministic(model), stored(COUNT), labels(COUNT, 4), given, numbered(COUNT))
    assert torch.equal(batch.images[~batch.noisy], stored(COUNT))
    assert torch.equal(batch.labels[~batch.noisy], batch.labels[batch.noisy])
    assert torch.equal(batch.labels[:COUNT], labels(COUNT, 4))
    noise = batch.images[batch.noisy] - stored(COUNT)
    assert bool((given.ball.size(noise) <= 8 / 255 + 1e-7).all())
    assert bool((given.ball.size(noise) > 7 / 255).all())
    assert fingerprint(model) == before
    assert all(parameter.grad is None for parameter in model.parameters())


def step(model: torch.nn.Sequential, cast: bool) -> dict[str, torch.Tensor]:
    """A whole training step in one autocast region; returns the gradients."""
    with torch.autocast("cpu", torch.bfloat16, enabled=cast), evaluating(model):
        classify, given = deterministic(model), settings(random_start=True)
        iterative_fgsm(classify, stored(COUNT), labels(COUNT, 4), given, numbered(COUNT))
        batch = adversarial_batch(classify, stored(COUNT), labels(COUNT, 4), given, numbered(COUNT))

        def loss() -> torch.Tensor:
            return torch.nn.functional.cross_entropy(model(batch.images).float(), batch.labels)

        before = loss()
        with perturbed(weights(model), perturbation(before, weights(model), 0.3)):
            there = loss()
            assert bool(there > before + 0.05), "the perturbation has no effect"
            there.backward()  # type: ignore[no-untyped-call]
        again = loss()
        assert torch.equal(again, before), "the weights that are used are not the restored ones"
    gradients = {name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None}
    assert gradients.keys() == dict(model.named_parameters()).keys(), "weights were cut off"
    return gradients


@pytest.mark.parametrize("cast", [False, True])
def test_a_whole_step_is_repeatable_also_within_one_autocast_region(cast: bool) -> None:
    first, again = network(), network()
    given = fingerprint(first)
    one, two = step(first, cast), step(again, cast)
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert fingerprint(first) == given


def test_passes_without_gradients_do_not_cut_weights_off_under_autocast() -> None:
    model = network()
    with torch.autocast("cpu", torch.bfloat16), evaluating(model):
        fgsm(deterministic(model), stored(COUNT), labels(COUNT, 4), settings(), numbered(COUNT))
        loss_of(model).backward()  # type: ignore[no-untyped-call]
    assert all(parameter.grad is not None for parameter in model.parameters())
