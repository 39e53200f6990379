"""Slopes at points: against Jacobians written out, and against what noise really does."""

from __future__ import annotations

import pytest
import torch

from semrobust.models.deepjscc import Decoder
from semrobust.phy.power import SOURCE_VALUES
from semrobust.theory import jacobian
from semrobust.theory.bounds import Certified, Diagnostic, diagnostic_power, least_power
from semrobust.theory.operator_norm import certified

ROWS, USES = 4, 64


@pytest.fixture(scope="module")
def decoder() -> Decoder:
    torch.manual_seed(3)
    network = Decoder(feature_maps=1, width=2).eval().requires_grad_(False)
    for parameter in network.parameters():
        parameter.data *= 1.5
    return network


@pytest.fixture(scope="module")
def received() -> torch.Tensor:
    return torch.randn(ROWS, USES, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def matrices(decoder: Decoder, received: torch.Tensor) -> torch.Tensor:
    """J (ROWS, 3072, USES) in full."""
    rows = [torch.func.jacrev(decoder)(row[None]).reshape(SOURCE_VALUES, USES) for row in received]
    return torch.stack(rows).double()


def test_spectral_norm_is_the_largest_singular_value(
    decoder: Decoder, received: torch.Tensor, matrices: torch.Tensor
) -> None:
    start = torch.randn(ROWS, USES, generator=torch.Generator().manual_seed(2))
    found = jacobian.spectral_norm(decoder, received, start, tolerance=1e-7, iterations=2000)
    exact = torch.linalg.matrix_norm(matrices, 2)
    assert found.converged.all()
    assert torch.allclose(found.norm, exact, rtol=1e-3)
    assert (found.norm <= exact * (1 + 1e-5)).all()  # from below
    assert torch.allclose(found.direction.norm(dim=1), torch.ones(ROWS))


def test_spectral_norm_says_when_it_has_not_converged(decoder: Decoder, received: torch.Tensor) -> None:
    found = jacobian.spectral_norm(decoder, received, torch.ones(ROWS, USES), tolerance=1e-9, iterations=2)
    assert not found.converged.any()


def test_flat_decoder_has_no_slope() -> None:
    flat = jacobian.spectral_norm(lambda y: 0.0 * y, torch.ones(2, 3), torch.ones(2, 3))
    assert flat.norm.tolist() == [0.0, 0.0]
    assert flat.converged.all()


def test_frobenius_norm_is_estimated_without_bias(
    decoder: Decoder, received: torch.Tensor, matrices: torch.Tensor
) -> None:
    probes = torch.randint(0, 2, (500, ROWS, SOURCE_VALUES), generator=torch.Generator().manual_seed(4)) * 2.0 - 1.0
    found = jacobian.frobenius_squared(decoder, received, probes)
    exact = matrices.square().sum(dim=(1, 2))
    # the variance of one probe is at most 2 ||J Jᵀ||_F²
    spread = (2 * (matrices @ matrices.transpose(1, 2)).square().sum(dim=(1, 2)) / 500).sqrt()
    assert ((found - exact).abs() < 4 * spread).all()


def test_frobenius_norm_is_what_small_noise_costs(
    decoder: Decoder, received: torch.Tensor, matrices: torch.Tensor
) -> None:
    """E ||g(y + w) - g(y)||² ≈ σ² ||J||_F², the paper's argument for training with noise."""
    sigma, draws = 1e-2, 4000
    noise = sigma * torch.randn(ROWS, draws, USES, generator=torch.Generator().manual_seed(5))
    exact = matrices.square().sum(dim=(1, 2))
    for y, drawn, expected in zip(received, noise, exact, strict=True):
        moved = (decoder(y + drawn) - decoder(y[None])).flatten(1).double()
        assert float(moved.square().sum(dim=1).mean()) == pytest.approx(sigma**2 * float(expected), rel=0.05)


def test_path_is_at_least_as_steep_as_its_chord(decoder: Decoder, received: torch.Tensor) -> None:
    s = 2.0 * torch.randn(ROWS, USES, generator=torch.Generator().manual_seed(6))
    s[0] = 0.0
    rise = (decoder(received + s) - decoder(received)).flatten(1).double().norm(dim=1)
    length = s.double().norm(dim=1)
    chord = jacobian.steepest_on_path(decoder, received, s, points=1)
    assert torch.allclose(chord[1:], rise[1:] / length[1:])
    finer = jacobian.steepest_on_path(decoder, received, s, points=8)
    assert (finer >= chord - 1e-6).all()
    assert finer[0] == 0
    assert float(finer.max()) <= certified(decoder.body, (1, 8, 8)).value


def test_certificate_promises_no_more_than_slopes_estimate(decoder: Decoder, received: torch.Tensor) -> None:
    """G is at least every local norm, so its power is at most what the norm suggests."""
    start = torch.randn(ROWS, USES, generator=torch.Generator().manual_seed(7))
    steepest = float(jacobian.spectral_norm(decoder, received, start).norm.max())
    everywhere: Certified = certified(decoder.body, (1, 8, 8))
    assert steepest <= everywhere.value
    assert least_power(50.0, 2.0, everywhere) <= diagnostic_power(50.0, 2.0, Diagnostic(steepest, "at points"))
