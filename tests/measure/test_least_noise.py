"""The least semantic noise that breaks what is shown: budgets, bisections, what counts as broken."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

from semrobust.attacks.image.noise_ball import LEVELS
from semrobust.attacks.image.semantic_noise import SemanticNoise
from semrobust.attacks.image.threshold import FINE, Threshold
from semrobust.config.noise import NoiseSweepSettings
from semrobust.measure.least_noise import least, shows_broken
from semrobust.measure.noise import noise_by
from semrobust.systems.base import Decoded, Sent, System
from semrobust.systems.distortion import mean_squared_error, mse_from_psnr_db
from semrobust.systems.draw import Draw
from semrobust.systems.over_air import CERTAIN, shown
from tests.attacks.samples import TOY, pictures, small_deepjscc, small_jpeg

THRESHOLD = mse_from_psnr_db(15.0)
RMSE = LEVELS * math.sqrt(THRESHOLD)
PIXELS = 3 * 32 * 32


class Faithful(System):
    """Sends the pixels themselves."""

    side = "semantic"
    capabilities = frozenset({"gradient"})

    def __init__(self) -> None:
        super().__init__(TOY, PIXELS)

    def send(self, images: torch.Tensor) -> Sent:  # pixels of any power
        return Sent(images.flatten(1), torch.ones(len(images), dtype=torch.bool))

    def encode_differentiably(self, images: torch.Tensor) -> torch.Tensor:
        return images.flatten(1)

    def decode_differentiably(self, received: torch.Tensor, noise_variance: float) -> torch.Tensor:
        return received.reshape(-1, 3, 32, 32)

    def decode(self, received: torch.Tensor, noise_variance: float) -> Decoded:
        images = self.decode_differentiably(received, noise_variance)
        return Decoded(images, torch.zeros(len(images), dtype=torch.bool))


def noise(kind: str, norm: str = "linf", **changes: Any) -> NoiseSweepSettings:
    levels = [32.0, 64.0] if norm == "linf" else [2000.0, 3000.0]
    effort = {"iterations": 5, "step_share": 0.2, "random_start": False, "loss": "margin", "epsilon_levels": levels}
    return NoiseSweepSettings.model_validate({"label": kind, "kind": kind, "norm": norm, **effort, **changes})


def found(system: System, images: torch.Tensor, given: NoiseSweepSettings, bisections: int, batch: int = 2) -> Any:
    classify, labels = Threshold(system, images, THRESHOLD, given.temperature), torch.full((len(images),), FINE)

    def make_noise(budget: float, rows: torch.Tensor) -> SemanticNoise:
        return noise_by(classify, given, budget, images[rows], labels[rows], Draw(3, rows))

    return least(make_noise, shows_broken(system, images, 60.0, THRESHOLD, 0), images, given, bisections, batch)


GREY = torch.full((3, 3, 32, 32), 128 / LEVELS)


@pytest.mark.parametrize("kind", ["shift", "random", "square"])
def test_over_a_faithful_link_the_least_noise_is_as_large_as_the_error_that_breaks(kind: str) -> None:
    table = found(Faithful(), GREY, noise(kind), bisections=5)
    assert table["success"].all()
    assert table["level"].round(6).tolist() == [math.ceil(RMSE)] * len(GREY)


def test_and_so_in_the_euclidean_norm() -> None:
    table = found(Faithful(), GREY, noise("shift", "l2"), bisections=8)
    needed = RMSE * math.sqrt(PIXELS)
    assert table["success"].all()
    assert table["level"].between(needed, needed + 1000 / 2**8 + 1).all()


def test_a_gradient_that_is_zero_at_the_clean_image_is_seen_and_a_shifted_start_does_without() -> None:
    blind, led = (found(Faithful(), GREY, noise("pgd", shifted_start=start), 5) for start in (False, True))
    assert (blind["vanished"] == 1).all()
    assert not blind["success"].any()
    assert blind["level"].tolist() == [64.0] * len(GREY)  # the largest budget
    assert led["level"].round(6).tolist() == [math.ceil(RMSE)] * len(GREY)


def test_an_image_that_is_broken_without_noise_needs_none() -> None:
    class Black(Faithful):
        def decode(self, received: torch.Tensor, noise_variance: float) -> Decoded:
            return Decoded(torch.zeros(len(received), 3, 32, 32), torch.zeros(len(received), dtype=torch.bool))

    table = found(Black(), GREY, noise("random"), 1)
    assert table["success"].all()
    assert (table["level"] == 0).all()


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_results_do_not_depend_on_the_batch(norm: str) -> None:
    system, images = small_deepjscc(), pictures(5)
    given = noise("pgd", norm, shifted_start=True)
    whole, single = (found(system, images, given, 2, batch) for batch in (5, 1))
    assert whole["success"].tolist() == single["success"].tolist()
    assert whole["level"].tolist() == pytest.approx(single["level"].tolist(), rel=0.01)


@pytest.mark.parametrize("make", [small_deepjscc, small_jpeg], ids=["deepjscc", "jpeg"])
@pytest.mark.parametrize("temperature", [None, 0.25])
def test_what_is_differentiated_is_what_is_shown(make: Callable[[], System], temperature: float | None) -> None:
    system = make()
    images = pictures(3).requires_grad_(True)
    values = shown(system, images, temperature)
    exact = system.decode(system.send(images.detach()).codewords, CERTAIN).images
    torch.testing.assert_close(values, exact, rtol=0, atol=1e-6)
    (gradient,) = torch.autograd.grad(values[1].sum(), images)
    assert (gradient[1] != 0).any()
    assert (gradient[[0, 2]] == 0).all()


def test_success_is_the_margin_of_the_error_against_the_clean_original() -> None:
    system, images = small_deepjscc(), pictures(4)
    numbers = torch.tensor([2, 0])
    noisy = (images[numbers] + 0.2).clamp(0, 1)
    logits = Threshold(system, images, THRESHOLD, None)(noisy, Draw(0, numbers))
    error = mean_squared_error(shown(system, noisy, None), images[numbers])
    torch.testing.assert_close(logits[:, 1] - logits[:, FINE], error - THRESHOLD)


def test_an_image_meets_its_own_channel_noise_whoever_is_beside_it() -> None:
    images = pictures(6)
    system = small_deepjscc()
    noisy = (images + torch.linspace(0, 0.4, 6).view(-1, 1, 1, 1)).clamp(0, 1)
    broken = shows_broken(system, images, 3.0, 0.02, 0)
    whole = broken(noisy, torch.arange(6))
    assert whole.any()
    assert [bool(broken(noisy[[i]], torch.tensor([i]))) for i in range(6)] == whole.tolist()
