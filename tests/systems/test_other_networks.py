"""Other networks than zhang2026's, and its network trained against attacks: what they promise, untrained."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from semrobust.config.params import Params, merge, validate
from semrobust.config.registry import SYSTEMS
from semrobust.errors import ParamsError, UsageError
from semrobust.models.deepjscc_adaptive import GDN
from semrobust.models.deepjscc_swin import WindowAttention, apart, joined, windows
from semrobust.phy.power import power_from_psr_db, power_total
from semrobust.systems.deepjscc import NetworkSystem
from semrobust.systems.deepjscc_adaptive import AdaptiveDeepJSCCSystem
from semrobust.systems.deepjscc_adversarial import AdversarialDeepJSCCSystem
from semrobust.theory.certificates import certificate
from tests.conftest import OTHER_NETWORKS, raw_params

USES = 128
NETWORKS = ("deepjscc_adaptive", "deepjscc_swin")


def other(params: Params, name: str, width: int = 8, **training: Any) -> NetworkSystem:
    """A fresh small system of the params; the wide ones with one block per stage."""
    found: Any = params.systems[name]
    smaller = {"width": width} | ({"depth": 1} if name in NETWORKS else {})
    found = found.model_copy(update=smaller | {"training": found.training.model_copy(update=training)})
    kind: Any = SYSTEMS[found.kind]
    system: NetworkSystem = kind.create(found, USES, 3)
    system.name = name
    return system


@pytest.mark.parametrize("name", OTHER_NETWORKS)
def test_it_keeps_the_contract(params: Params, images: torch.Tensor, name: str) -> None:
    system = other(params, name)
    sent = system.send(images)
    assert sent.codewords.shape == (len(images), USES)
    assert torch.pdist(sent.codewords).min() > 1e-3
    shown = system.decode(sent.codewords, 0.1).images
    assert shown.shape == images.shape
    assert 0 < shown.min() < shown.max() < 1
    alone = torch.cat([system.decode(each[None], 0.1).images for each in sent.codewords[:3]])
    assert torch.allclose(alone, shown[:3], atol=1e-6)
    received = sent.codewords.clone().requires_grad_()
    followed = system.decode_differentiably(received, 0.1)
    assert torch.allclose(followed, shown, atol=1e-6)
    (gradient,) = torch.autograd.grad(followed.square().sum(), received)
    assert gradient.abs().amax(1).min() > 0
    again = type(system).restore(system.settings, USES, system.state())
    assert torch.allclose(again.decode(sent.codewords, 0.1).images, shown, atol=1e-6)


@pytest.mark.parametrize("name", OTHER_NETWORKS)
def test_the_loss_reaches_every_weight(params: Params, images: torch.Tensor, name: str) -> None:
    system = other(params, name)
    system.loss(images, torch.Generator().manual_seed(0)).backward()  # type: ignore[no-untyped-call]
    for part, parameter in system.module.named_parameters():
        assert parameter.grad is not None, part
        assert parameter.grad.abs().max() > 0, part


@pytest.mark.parametrize("name", OTHER_NETWORKS)
def test_validation_measures_the_loss_of_training(params: Params, images: torch.Tensor, name: str) -> None:
    system = other(params, name)
    with torch.no_grad():
        without = system.loss(images, torch.Generator().manual_seed(0))
    assert float(without) == pytest.approx(system.loss(images, torch.Generator().manual_seed(0)).item(), rel=1e-5)


@pytest.mark.parametrize(("name", "size"), [("deepjscc_adaptive", (36, 8)), ("deepjscc_swin", (48, 16))])
def test_it_takes_images_of_other_sizes(params: Params, name: str, size: tuple[int, int]) -> None:
    system = other(params, name).resized(size)
    pictures = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0))
    codewords = system.send(pictures).codewords
    assert codewords.shape == (2, USES * math.prod(size) // 32**2)
    assert system.decode(codewords, 0.1).images.shape == pictures.shape
    with pytest.raises(UsageError, match=r"must|sides that are multiples of"):
        system.resized((size[0] + 2, size[1]))


@pytest.mark.parametrize(("name", "known"), [*dict.fromkeys(NETWORKS, False).items(), ("deepjscc_adversarial", True)])
def test_a_slope_is_certified_where_we_can(params: Params, name: str, known: bool) -> None:
    """Products of attention and SNR weights have no bound that we know, and none is claimed."""
    assert (certificate(other(params, name, width=2)) is not None) == known


def test_what_the_windows_cannot_tile_is_refused() -> None:
    overlay = {"systems": {"deepjscc_swin": {"window": 3, "heads": 5}}}
    with pytest.raises(ParamsError) as caught:
        validate(merge(raw_params(), overlay))
    said = str(caught.value)
    assert "deepjscc_swin.heads: 5, must divide the width" in said
    assert "deepjscc_swin.window: 3, must divide the 8 places" in said


# normalization


def test_gdn_divides_by_the_root_of_the_weighed_squares() -> None:
    layer = GDN(2)
    features = torch.tensor([3.0, 4.0]).reshape(1, 2, 1, 1)
    layer.root_beta.data = torch.tensor([2.0, 3.0])
    layer.root_gamma.data = torch.tensor([[0.0, 1.0], [2.0, 0.5]])
    expected = [3 / math.sqrt(4 + 16), 4 / math.sqrt(9 + 4 * 9 + 0.25 * 16)]
    assert layer(features).flatten().tolist() == pytest.approx(expected, rel=1e-4)


# windows


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 3), st.integers(1, 4), st.integers(1, 4))
def test_windows_are_put_together_as_they_were(window: int, rows: int, columns: int) -> None:
    tokens = torch.rand(2, rows * window, columns * window, 3)
    tiles = windows(tokens, window)
    assert tiles.shape == (2, rows * columns, window * window, 3)
    assert torch.equal(tiles[:, 0, 0], tokens[:, 0, 0])
    assert torch.equal(joined(tiles, window, rows * window, columns * window), tokens)


def reach(shift: int) -> torch.Tensor:
    """Which places (64, 64) of 8x8 attention in windows of 4x4 lets each see, by its gradient."""
    torch.manual_seed(0)
    layer = WindowAttention(4, 2, 4, shift)

    def seen(tokens: torch.Tensor) -> torch.Tensor:
        mixed: torch.Tensor = layer(tokens.reshape(1, 8, 8, 4))
        return mixed.reshape(64, 4)

    jacobian: torch.Tensor = torch.func.jacrev(seen)(torch.rand(64, 4))
    return jacobian.abs().amax(dim=(1, 3)) > 0


def test_a_window_sees_itself_and_nothing_else() -> None:
    zone = [(row // 4, column // 4) for row in range(8) for column in range(8)]
    assert torch.equal(reach(0), torch.tensor([[one == two for two in zone] for one in zone]))


def test_a_shifted_window_does_not_see_around_the_edges() -> None:
    """Shifted by 2, windows are cut at 2 and 6 on each side."""
    zone = [((row + 2) // 4, (column + 2) // 4) for row in range(8) for column in range(8)]
    assert torch.equal(reach(2), torch.tensor([[one == two for two in zone] for one in zone]))
    assert (apart(8, 8, 4, 2)[0] == 0).all()


# the SNR


def test_the_receiver_listens_to_the_noise_variance(params: Params, images: torch.Tensor) -> None:
    """Within the SNRs of its training; beyond them it counts with the nearest."""
    system = other(params, "deepjscc_adaptive")
    lowest = system.training.train_snr_db - system.settings.training.spread_db
    codewords = system.send(images[:2]).codewords

    def at(snr_db: float) -> torch.Tensor:
        return system.decode(codewords, 10 ** (-snr_db / 10)).images

    assert not torch.equal(at(lowest + 1), at(lowest + 2))
    assert torch.allclose(at(lowest - 20), at(lowest), atol=1e-6)


class Deaf(torch.nn.Module):
    """Stands for the decoder: keeps what it receives and shows black."""

    def forward(self, received: torch.Tensor, noise_variance: torch.Tensor) -> torch.Tensor:
        """Record and answer."""
        self.received, self.noise_variance = received.detach(), noise_variance
        return torch.zeros(len(received), 3, 32, 32)


def test_each_image_in_training_has_a_channel_of_its_own(params: Params, images: torch.Tensor) -> None:
    system = other(params, "deepjscc_adaptive", train_snr_db=5.0, spread_db=4.0)
    assert isinstance(system, AdaptiveDeepJSCCSystem)
    deaf: Any = Deaf()
    system.module.decoder = deaf
    many = images.repeat(20, 1, 1, 1)
    system.loss(many, torch.Generator().manual_seed(0))
    snr_db = -10 * deaf.noise_variance.log10().flatten()
    assert 1 <= snr_db.min() < 1.2
    assert 8.8 < snr_db.max() <= 9
    noise = deaf.received - system.encode(many).codewords
    told = noise.square().mean(1) / deaf.noise_variance[:, 0]
    assert (told - 1).abs().max() < 5 * (2 / USES) ** 0.5  # five standard deviations of a variance of 128 values
    assert told.mean() == pytest.approx(1, abs=5 * (2 / noise.numel()) ** 0.5)


# attacks in training


def test_the_attack_spends_its_budget_and_pays(params: Params, images: torch.Tensor) -> None:
    """On a slope that is steeper than noise: more than random vectors of the same power, and more with more steps."""
    risen = {}
    for steps in (1, 4):
        system = other(params, "deepjscc_adversarial", attack_psr_db=-3.0, attack_steps=steps)
        assert isinstance(system, AdversarialDeepJSCCSystem)
        received = system.encode(images).codewords
        vector = system.attack(received, images)
        assert power_total(vector).tolist() == pytest.approx([power_from_psr_db(-3.0, USES)] * len(images), rel=1e-4)

        def error(added: torch.Tensor, system: NetworkSystem = system, received: torch.Tensor = received) -> float:
            return float((system.decode(received + added, 0.1).images - images).square().mean())

        random = torch.randn(vector.shape, generator=torch.Generator().manual_seed(0))
        random *= (power_from_psr_db(-3.0, USES) ** 0.5) / random.norm(dim=1, keepdim=True)
        risen[steps] = error(vector) - error(torch.zeros_like(vector))
        assert risen[steps] > 3 * abs(error(random) - error(torch.zeros_like(vector)))
    assert risen[4] > risen[1]


def test_the_loss_is_that_with_and_without_the_attack(params: Params, images: torch.Tensor) -> None:
    losses = {
        share: other(params, "deepjscc_adversarial", attacked_share=share)
        .loss(images, torch.Generator().manual_seed(0))
        .item()
        for share in (0.0, 0.25, 1.0)
    }
    plain = other(params, "deepjscc_adversarial")
    arrived = plain.arriving(images, torch.Generator().manual_seed(0))
    assert losses[0.0] == pytest.approx((plain.decode(arrived, 0.1).images - images).square().mean().item(), rel=1e-5)
    assert losses[1.0] > losses[0.0]
    assert losses[0.25] == pytest.approx(0.75 * losses[0.0] + 0.25 * losses[1.0], rel=1e-5)
