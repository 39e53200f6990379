"""Channel states as what systems send: measures in closed form, success under each criterion, both sides."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch

from semrobust.attacks.base import Target
from semrobust.config.criteria import CriterionSettings
from semrobust.config.csi import Form
from semrobust.config.params import load
from semrobust.config.registry import SYSTEMS
from semrobust.measure.success import under
from semrobust.phy.channel import awgn
from semrobust.phy.power import noise_variance, power_total
from semrobust.systems.base import Fitted, System
from semrobust.systems.channel_state import ChannelStates
from semrobust.systems.distortion import mean_squared_error
from semrobust.training.loop import Trainable
from tests.attacks.samples import attack
from tests.conftest import ROOT

FORMS: tuple[Form, ...] = ("magnitude", "complex")
PARAMS = load([ROOT / "params.yaml"])


def stored(count: int, seed: int = 0) -> torch.Tensor:
    """Sparse channel states as the dataset holds them, (count, 2, 32, 32) in [0, 1]."""
    stream = torch.Generator().manual_seed(seed)
    sizes = torch.exp(-torch.arange(1024) / 15.0)
    sizes = torch.stack([sizes[torch.randperm(1024, generator=stream)] for _ in range(count)])
    values = torch.randn(count, 2, 1024, generator=stream) * sizes[:, None]
    scaled: torch.Tensor = values / values.norm(dim=1).amax(dim=1)[:, None, None]
    return 0.5 + 0.5 * scaled.reshape(count, 2, 32, 32)


def created(name: str, **changes: Any) -> System:
    settings = PARAMS.systems[name].model_copy(update=changes)
    return SYSTEMS[settings.kind].create(settings, PARAMS.link_of(name).real_uses, 1)  # type: ignore[attr-defined, no-any-return]


def chain(form: Form, **changes: Any) -> System:
    """A fitted chain."""
    system = created(f"csi_chain_{form}_qpsk", **changes)
    assert isinstance(system, Fitted)
    system.fit(system.source.samples(stored(200)))
    return system


@pytest.mark.parametrize("form", FORMS)
def test_samples_hold_the_energy_of_the_channel_and_lie_in_0_to_1(form: Form) -> None:
    source, states = ChannelStates(form), stored(8)
    samples = source.samples(states)
    assert samples.shape == (8, source.planes, 32, 32)
    assert 0 <= samples.min() <= samples.max() <= 1
    channel = (states - 0.5).square().sum(dim=(1, 2, 3)) / 1024
    scale = 2 if form == "magnitude" else 0.5  # x = √2 |h| at each place; two planes for one coefficient
    torch.testing.assert_close(source.energy(samples), scale * channel)


@pytest.mark.parametrize("form", FORMS)
def test_nmse_of_known_errors(form: Form) -> None:
    source = ChannelStates(form)
    samples = source.samples(stored(8))

    def measured(shown: torch.Tensor) -> dict[str, torch.Tensor]:
        return source.measures(shown, samples, mean_squared_error(shown, samples))

    nothing = measured(source.nothing(samples))
    torch.testing.assert_close(nothing["nmse_db"], torch.zeros(8), atol=1e-4, rtol=0)
    torch.testing.assert_close(nothing["cosine"], torch.zeros(8))
    tenth = measured(source.zero + 0.9 * (samples - source.zero))  # a tenth of each coefficient is missing: -20 dB
    torch.testing.assert_close(tenth["nmse_db"], torch.full((8,), -20.0), atol=1e-3, rtol=0)
    torch.testing.assert_close(tenth["cosine"], torch.ones(8))
    torch.testing.assert_close(tenth["nmse"], 10 ** (tenth["nmse_db"] / 10))


@pytest.mark.parametrize("form", FORMS)
def test_the_shifted_nmse_looks_better_by_the_energy_of_the_offset(form: Form) -> None:
    source = ChannelStates(form)
    samples = source.samples(stored(8))
    shown = source.zero + 0.9 * (samples - source.zero)
    found = source.measures(shown, samples, mean_squared_error(shown, samples))
    with_offset = source.energy(samples, source.shift)
    torch.testing.assert_close(found["nmse"] / found["nmse_shifted"], with_offset / source.energy(samples))
    offset = 0.25 if form == "complex" else 0.5
    assert (with_offset > offset / 2).all()
    assert (10 * (found["nmse"] / found["nmse_shifted"]).log10() > 10).all()


def test_a_turn_of_the_phase_does_not_change_the_cosine() -> None:
    source = ChannelStates("complex")
    samples = stored(4)
    real, imaginary = (samples - 0.5).unbind(1)
    turned = 0.5 + torch.stack([-imaginary, real], dim=1)
    found = source.measures(turned, samples, mean_squared_error(turned, samples))
    torch.testing.assert_close(found["cosine"], torch.ones(4))
    torch.testing.assert_close(found["nmse"], torch.full((4,), 2.0))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("change", ["qpsk", "16qam"])
def test_a_chain_shows_its_largest_coefficients(form: Form, change: str) -> None:
    system = chain(form, modulation=change)
    samples = system.source.samples(stored(20, seed=1))
    sent = system.send(samples)  # checks length and power
    assert sent.feasible.all()
    decoded = system.decode(sent.codewords, noise_variance(30.0))
    assert not decoded.failed.any()
    nmse = system.source.measures(decoded.images, samples, mean_squared_error(decoded.images, samples))["nmse"]
    assert nmse.mean() < 0.5
    again = type(system).restore(system.settings, system.real_uses, system.state())
    assert torch.equal(again.decode(sent.codewords, noise_variance(30.0)).images, decoded.images)


@pytest.mark.parametrize("lost", ["zero", "mean"])
@pytest.mark.parametrize("form", FORMS)
def test_what_is_shown_after_a_failed_decode_is_the_policy(form: Form, lost: str) -> None:
    system = chain(form, lost=lost)
    samples = system.source.samples(stored(200))
    decoded = system.decode(torch.randn(6, system.real_uses, generator=torch.Generator().manual_seed(0)), 1.0)
    assert decoded.failed.all()
    expected = samples.mean(dim=0) if lost == "mean" else system.source.nothing(samples)[0]
    torch.testing.assert_close(decoded.images, expected.expand(6, -1, -1, -1), atol=1e-5, rtol=0)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("mixing", [None, 8])
def test_networks_keep_the_contract_and_their_untrained_receiver_shows_small_values(
    form: Form, mixing: int | None
) -> None:
    system = created(f"csi_{form}_plain_10db", mixing=mixing, width=4)
    assert isinstance(system, Trainable)
    samples = system.source.samples(stored(6))
    sent = system.send(samples)
    torch.testing.assert_close(power_total(sent.codewords).float(), torch.full((6,), float(system.real_uses)))
    received = awgn(sent.codewords, 10.0, torch.randn(sent.codewords.shape))
    shown = system.decode(received, 0.1).images
    assert shown.shape == samples.shape
    assert torch.equal(system.decode_differentiably(received, 0.1).detach(), shown)
    loss = system.loss(samples, torch.Generator().manual_seed(0))
    assert math.isfinite(float(loss))
    assert float(loss) < 30  # and not the thousands of a receiver that shows a half everywhere
    assert (system.decoder_layers() is None) == (mixing is not None)


RULES = [{"nmse_db": -3.0}, {"nmse_shifted_db": -28.0}, {"below_clean_db": 3.0}]


@pytest.mark.parametrize("rule", RULES)
def test_an_attack_breaks_exactly_what_the_criterion_says(rule: dict[str, float]) -> None:
    """What an attack calls a success is, sample by sample, what the measures say of what the receiver then shows."""
    system = chain("magnitude")
    source, samples = system.source, system.source.samples(stored(5, seed=3))
    sent, noise = system.send(samples), torch.randn(5, system.real_uses, generator=torch.Generator().manual_seed(1))
    received = awgn(sent.codewords, 15.0, noise)
    target = Target(system, samples, sent, received, noise_variance(15.0), 0.0, noise.roll(1, 0), 1)
    target = under(CriterionSettings(label="x", **rule), target)
    result = attack("random", step_db=1.0, stop_psr_db=5.0).run(target)

    def quality(perturbation: torch.Tensor) -> dict[str, torch.Tensor]:
        shown = system.decode(received + perturbation, noise_variance(15.0)).images
        return source.measures(shown, samples, mean_squared_error(shown, samples))

    found, clean = quality(result.perturbation), quality(torch.zeros_like(received))
    ((name, limit),) = rule.items()
    ratios = {
        "nmse_db": found["nmse"],
        "nmse_shifted_db": found["nmse_shifted"],
        "below_clean_db": found["nmse"] / clean["nmse"],
    }
    broken = 10 * ratios[name].log10() >= limit - 1e-4
    assert torch.equal(result.success, broken)
    assert result.success.any()
    rows = torch.tensor([3, 1])
    alone = attack("random", step_db=1.0, stop_psr_db=5.0).run(target.take(rows))
    torch.testing.assert_close(alone.power_total, result.power_total[rows])


def test_images_count_as_broken_as_before() -> None:
    """Without a unit of its own a target measures mean squared errors."""
    target = Target(None, torch.zeros(3, 1, 2, 2), None, torch.zeros(3, 4), 0.1, 0.05, torch.zeros(3, 4), 0)  # type: ignore[arg-type]
    mse = torch.tensor([0.1, 0.2, 0.3])
    assert torch.equal(target.measured(mse), mse)
    halved = replace(target, unit=torch.tensor([1.0, 2.0, 3.0]))
    torch.testing.assert_close(halved.measured(mse), torch.full((3,), 0.1))
    torch.testing.assert_close(halved.measured(mse[1:], torch.tensor([1, 2])), torch.full((2,), 0.1))
