"""Certificates of single images: closed forms, every vector that we try, and what is refused."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from semrobust.models.deepjscc import Decoder, ResidualBlock
from semrobust.theory import certified_radius, product_norm
from semrobust.theory.certified_radius import Relaxation, certify, refusal

SEARCH = 4


def network(seed: int, kind: str) -> tuple[nn.Sequential, tuple[int, ...]]:
    """A small random network, and the shape that it reads."""
    torch.manual_seed(seed)
    slopes = nn.PReLU(4, init=0.25)
    slopes.weight.data = torch.tensor([0.0, 0.3, 1.4, -0.5])  # flat, usual, steeper, and turning
    if kind == "convolutions":
        body = (
            nn.ConvTranspose2d(2, 4, 3, padding=1),
            slopes,
            ResidualBlock(4),
            nn.Conv2d(4, 3, 3, stride=2, padding=1),
        )
        return nn.Sequential(*body, nn.Sigmoid()), (2, 4, 4)
    return nn.Sequential(nn.Linear(6, 8), nn.PReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 5)), (6,)


def strongest(net: nn.Sequential, received: torch.Tensor, image: torch.Tensor, power: float) -> float:
    """Largest squared error that gradient ascent from several starts finds at ||s||² = `power`, float64."""
    torch.manual_seed(3)
    length, most = math.sqrt(power), 0.0
    for _ in range(4):
        s = torch.randn_like(received)
        for _ in range(40):
            s = (s * length / s.norm()).detach().requires_grad_(True)
            error = (net(received[None] + s[None])[0] - image).square().sum()
            most = max(most, float(error.detach()))
            (slope,) = torch.autograd.grad(error, s)
            s = s + length * slope / slope.norm().clamp_min(1e-30)
    return most


@pytest.mark.parametrize("rise", [1.5, 30.0])
def test_linear_decoder_s_certificate_is_exact(rise: float) -> None:
    """Twice an isometry: ||e|| + 2 ||s|| reaches √D*, and no shorter s does; the search stops within 10% of that."""
    torch.manual_seed(0)
    layer = nn.Linear(6, 6, bias=False).double()
    layer.weight.data = 2.0 * torch.linalg.qr(torch.randn(6, 6, dtype=torch.float64))[0]
    received = torch.randn(6, dtype=torch.float64)
    clean = torch.zeros(6, dtype=torch.float64)
    clean[0] = 1.0
    with torch.no_grad():
        image = layer(received) - clean
    exact = ((math.sqrt(1 + rise) - 1e-3 - 1) / 2) ** 2
    found = certify(nn.Sequential(layer), received, image, 1 + rise, 8)
    assert found.linear == pytest.approx(exact, rel=0.03)
    assert exact * 0.9 < found.power_total <= exact


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10**6), kind=st.sampled_from(["convolutions", "layers"]), rise=st.floats(0.2, 4.0))
def test_no_attack_lies_below_a_certificate(seed: int, kind: str, rise: float) -> None:
    net, shape = network(seed, kind)
    net = net.double()
    received = torch.randn(shape, dtype=torch.float64)
    with torch.no_grad():
        image = net(received[None])[0] + 0.1 * torch.randn(net(received[None])[0].shape, dtype=torch.float64)
        clean = float((net(received[None])[0] - image).square().sum())
    threshold = clean + rise
    found = certify(net, received, image, threshold, SEARCH)
    assert found.power_total >= 0
    if 0 < found.power_total < math.inf:
        assert strongest(net, received, image, found.power_total) < threshold


def test_distance_grows_with_the_radius_and_holds_for_each() -> None:
    net, shape = network(1, "convolutions")
    received = torch.randn(shape)
    image = torch.rand(3, 2, 2)
    relaxation = Relaxation(net, received, image)
    radii = [0.01, 0.1, 0.5, 2.0]
    bounds = [relaxation.distance(radius, prove=True) for radius in radii]
    assert bounds == sorted(bounds)
    assert bounds[0] >= relaxation.clean
    for radius, bound in zip(radii, bounds, strict=True):
        assert strongest(net.double(), received.double(), image.double(), radius**2) <= bound**2
    estimate = relaxation.distance(0.5, prove=False)
    assert estimate == pytest.approx(bounds[2], rel=0.05)


def test_units_that_cannot_flip_cost_nothing() -> None:
    """All pre-activations far from 0: the network is affine around y, and the certificate that of a linear decoder."""
    torch.manual_seed(2)
    net = nn.Sequential(nn.Linear(5, 7), nn.PReLU(), nn.Linear(7, 4)).double()
    net[0].bias.data = torch.tensor([50.0, -50.0] * 3 + [50.0], dtype=torch.float64)
    received, image = torch.randn(5, dtype=torch.float64), torch.zeros(4, dtype=torch.float64)
    with torch.no_grad():
        image = net(received) - 1e-6
    found = certify(net, received, image, 1.0, 8)
    assert found.flipping == 0
    assert found.power_total == pytest.approx(found.linear, rel=0.2)


def test_broken_images_and_flat_receivers() -> None:
    """A receiver that is flat at y alone is not flat everywhere: a tangent of slope 0 promises nothing."""
    net, shape = network(0, "layers")
    received, image = torch.randn(shape), torch.zeros(5)
    assert certify(net, received, image + 100.0, 1.0, SEARCH).power_total == 0
    for part in net:
        if isinstance(part, nn.Linear):
            nn.init.zeros_(part.weight)
    clean = float((net(received) - image).detach().square().sum())
    assert certify(net, received, image, clean + 1.0, SEARCH).power_total > 0
    dead = nn.Sequential(nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 1))
    for value, parameter in zip((1.0, -2.0, 1.0, 0.0), dead.parameters(), strict=True):
        nn.init.constant_(parameter, value)
    found = certify(dead, torch.zeros(1), torch.zeros(1), 1.0, 8)  # s = 3 shows 1
    assert 2.0 < found.power_total < 9.0


def test_table_i_s_decoder_is_certified() -> None:
    torch.manual_seed(0)
    decoder = Decoder(feature_maps=1, width=2)
    received = torch.randn(1, 8, 8)
    with torch.no_grad():
        image = decoder(received.flatten()[None])[0]
    before = {name: value.clone() for name, value in decoder.state_dict().items()}
    found = certify(decoder.body, received, image, 97.0, 0)
    assert 0 < found.power_total < found.linear
    assert all(torch.equal(value, before[name]) for name, value in decoder.state_dict().items())


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        ((nn.BatchNorm2d(2),), "BatchNorm2d"),
        ((nn.Sigmoid(), nn.Conv2d(2, 2, 1)), "last layer"),
        ((nn.GELU(),), "GELU"),
        ((nn.Conv2d(2, 2, 3, padding=1, padding_mode="circular"),), "circular"),
    ],
)
def test_other_networks_are_refused_with_the_reason(layers: tuple[nn.Module, ...], said: str) -> None:
    other = nn.Sequential(nn.Conv2d(2, 2, 1), *layers)
    assert said in refusal(other)
    with pytest.raises(ValueError, match=said):
        certify(other, torch.zeros(2, 3, 3), torch.zeros(2, 3, 3), 1.0, SEARCH)
    assert not refusal(network(0, "convolutions")[0])


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), outputs=st.integers(1, 12), sources=st.integers(1, 4))
def test_product_norm_is_above_every_choice_and_below_the_sum_of_norms(seed: int, outputs: int, sources: int) -> None:
    stream = torch.Generator().manual_seed(seed)
    blocks = [torch.randn(3 + k, outputs, dtype=torch.float64, generator=stream) for k in range(sources)]
    bound = product_norm.bound(blocks, prove=True)
    norms, crude = (sum(float(torch.linalg.matrix_norm(block, of)) for block in blocks) for of in (2, "fro"))
    assert bound <= crude * (1 + 1e-8)
    direction = torch.randn(200, outputs, dtype=torch.float64, generator=stream)
    reached = torch.zeros(len(direction), outputs, dtype=torch.float64)
    for block in blocks:
        inner = direction @ block.T
        reached += (inner / inner.norm(dim=1, keepdim=True)) @ block
    assert float(reached.norm(dim=1).max()) <= bound
    if sources == 1:
        assert norms <= bound


def test_what_has_no_factor_is_not_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The factor proves the value: with an estimate that is too low, larger ones are tried until one is true."""
    blocks = [torch.eye(4, dtype=torch.float64) * 3.0, torch.eye(4, dtype=torch.float64)]
    monkeypatch.setattr(product_norm, "_weights", lambda *_: ([3.0, 1.0], 0.5))
    assert 4.0 <= product_norm.bound(blocks, prove=True) <= 6.0
    monkeypatch.setattr(product_norm, "_weights", lambda *_: ([3.0, 1.0], 1e-6))
    assert product_norm.bound(blocks, prove=True) >= 4.0  # by Frobenius norms


def test_radius_of_the_receiver_s_rounding_is_small_beside_the_threshold() -> None:
    assert 1e-3 * math.sqrt(3072 * 10**-1.5) > certified_radius._RECEIVER
