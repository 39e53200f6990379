"""Certified constants: against dense matrices built by hand, closed forms, and every pair of points that we try."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from semrobust.models.deepjscc import Decoder, ResidualBlock
from semrobust.theory.operator_norm import certified, dense, operator_norm

LAYERS = {
    "conv": (nn.Conv2d(2, 3, 3, padding=1), (2, 5, 4)),
    "conv, stride 2": (nn.Conv2d(2, 3, 3, stride=2, padding=1), (2, 6, 6)),
    "conv, no padding": (nn.Conv2d(2, 2, 3), (2, 5, 5)),
    "transposed, stride 2": (nn.ConvTranspose2d(3, 2, 3, stride=2, padding=1, output_padding=1), (3, 4, 4)),
    "linear": (nn.Linear(7, 4), (7,)),
}


def by_entries(layer: nn.Module, shape: tuple[int, ...]) -> np.ndarray:
    """The layer's matrix, one input at a time, with the bias taken off: a second way to the same numbers."""
    layer = layer.double()
    nothing = torch.zeros(1, *shape, dtype=torch.float64)
    offset = layer(nothing).flatten()
    columns = []
    for entry in range(nothing.numel()):
        one = nothing.clone()
        one.view(-1)[entry] = 1.0
        columns.append(layer(one).flatten() - offset)
    return torch.stack(columns, dim=1).detach().numpy()


@pytest.mark.parametrize("name", LAYERS)
def test_norm_is_the_largest_singular_value(name: str) -> None:
    layer, shape = LAYERS[name]
    matrix = by_entries(layer, shape)
    assert dense(layer, shape).numpy() == pytest.approx(matrix, abs=1e-12)
    norm, exact = operator_norm(layer, shape), float(np.linalg.norm(matrix, 2))
    assert exact <= norm <= exact * (1 + 1e-10)


def test_gains_scale_the_inputs() -> None:
    layer, shape = LAYERS["conv, stride 2"]
    gains = torch.linspace(0.5, 3.0, math.prod(shape), dtype=torch.float64)
    exact = np.linalg.norm(by_entries(layer, shape) * gains.numpy(), 2)
    assert operator_norm(layer, shape, gains) == pytest.approx(exact)


def test_the_edges_count() -> None:
    """With zeros beyond the edge a convolution is steeper on larger images, and never as steep as on a circle."""
    layer = nn.Conv2d(1, 1, 3, padding=1, bias=False)
    nn.init.ones_(layer.weight)
    found = [operator_norm(layer, (1, size, size)) for size in (2, 4, 8, 16)]
    rows = [1 + 2 * math.cos(math.pi / (size + 1)) for size in (2, 4, 8, 16)]  # eigenvalue of the path's matrix
    assert found == pytest.approx([one**2 for one in rows])
    assert found == sorted(found)
    assert found[-1] < 9


def test_products_meet_where_layers_are_aligned() -> None:
    first, steep, second = nn.Linear(4, 4), nn.PReLU(init=-2.0), nn.Linear(4, 4)  # steeper on negative inputs
    for part in (first, second):
        nn.init.eye_(part.weight)
        part.weight.data *= 3.0
    assert certified(nn.Sequential(first, steep, second, nn.Sigmoid()), (4,)).value == pytest.approx(3 * 2 * 3 / 4)


def test_residual_block_adds_the_identity() -> None:
    block = ResidualBlock(2)
    for part in block.body:
        if isinstance(part, nn.Conv2d):
            nn.init.dirac_(part.weight)
            part.weight.data *= 2.0
    assert certified(block, (2, 4, 4)).value == pytest.approx(1 + 2 * 2)
    steep = nn.Sequential(nn.PReLU(2, init=3.0), block)
    assert certified(steep, (2, 4, 4)).value == pytest.approx(3 * 5)


def test_activation_steepens_only_its_channel() -> None:
    steep, mix = nn.PReLU(2), nn.Conv2d(2, 1, 1, bias=False)
    steep.weight.data = torch.tensor([5.0, 0.1])
    mix.weight.data = torch.tensor([[[[0.1]], [[2.0]]]])
    assert certified(nn.Sequential(steep, mix), (2, 3, 3)).value == pytest.approx(math.hypot(0.5, 2.0))


def test_no_pair_of_points_is_steeper() -> None:
    torch.manual_seed(0)
    decoder = Decoder(feature_maps=2, width=2)
    for parameter in decoder.parameters():
        parameter.data *= 2.0
    bound = certified(decoder.body, (2, 8, 8)).value
    first = torch.randn(200, 128)
    for distance in (1e-2, 1.0, 30.0):
        second = first + distance * torch.randn(200, 128)
        with torch.no_grad():
            rise = (decoder(second) - decoder(first)).flatten(1).double().norm(dim=1)
        steepest = float((rise / (second - first).double().norm(dim=1)).max())
        assert 0 < steepest <= bound


def test_network_is_left_as_it_was() -> None:
    decoder = Decoder(feature_maps=1, width=1).train()
    before = {name: value.clone() for name, value in decoder.state_dict().items()}
    certified(decoder.body, (1, 8, 8))
    assert decoder.training
    assert all(torch.equal(value, before[name]) for name, value in decoder.state_dict().items())


@pytest.mark.parametrize("layer", [nn.BatchNorm2d(2), nn.Conv2d(2, 2, 3, padding=1, padding_mode="circular")])
def test_what_has_no_certificate_is_refused(layer: nn.Module) -> None:
    with pytest.raises(TypeError, match="no certified bound"):
        certified(nn.Sequential(nn.Conv2d(2, 2, 1), layer), (2, 4, 4))
