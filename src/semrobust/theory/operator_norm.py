"""A certified Lipschitz constant of a network: the product of exact operator norms of its layers.

    y -> A₁ -> φ₁ -> A₂ -> ... ,  |φᵢ(u) - φᵢ(v)| <= lᵢ |u - v| per value   =>   G <= Π ||Aᵢ diag(lᵢ₋₁)||

A convolution's norm is that of the matrix it is at its true input size, padding and stride, not that of its kernel nor
of a circular convolution (Sedghi, Gupta, Long 2019): the matrix is written out and its largest singular value taken. A
residual block x + f(x) is 1 + Lip(f). Products of norms are the simplest certificate there is, and a loose one: the
steepest directions of successive layers need not meet (Virmaux, Scaman 2018).
"""

from __future__ import annotations

import math

import torch
from torch import nn

from semrobust.models.deepjscc import ResidualBlock
from semrobust.theory.bounds import Certified

Shape = tuple[int, ...]
_CHUNK = 256  # basis vectors through a layer at once


def certified(network: nn.Module, shape: Shape) -> Certified:
    """Lipschitz constant of `network` for inputs of `shape` (without the batch), all in float64.

    Raises TypeError for a layer that it cannot bound. The network keeps its weights, dtype and mode.
    """
    bound, _ = _bound(network, shape)
    return Certified(bound, "product of the layers' operator norms")


def operator_norm(layer: nn.Module, shape: Shape, gains: torch.Tensor | None = None) -> float:
    """Largest singular value of a linear layer, bias left out, on inputs of `shape` scaled by `gains` (numel,).

    From the smaller Gram matrix by a dense symmetric eigenvalue solver, rounded up by its backward error, which is what
    makes the value a bound; a power iteration approaches the norm from below.
    """
    matrix = dense(layer, shape)
    if gains is not None:
        matrix *= gains
    gram = matrix.T @ matrix if matrix.shape[1] <= matrix.shape[0] else matrix @ matrix.T
    largest = float(torch.linalg.eigvalsh(gram)[-1])
    slack = 8 * max(matrix.shape) * torch.finfo(torch.float64).eps  # of the product and of the solver, relative
    return math.sqrt(largest * (1 + slack))


def dense(layer: nn.Module, shape: Shape) -> torch.Tensor:
    """The matrix (outputs, inputs) of a linear or convolution layer without its bias, float64."""
    inputs = math.prod(shape)
    columns = []
    for start in range(0, inputs, _CHUNK):
        rows = torch.arange(start, min(start + _CHUNK, inputs))
        basis = torch.zeros(len(rows), inputs, dtype=torch.float64)
        basis[torch.arange(len(rows)), rows] = 1.0
        columns.append(without_bias(layer, basis.reshape(-1, *shape)).flatten(1))
    return torch.cat(columns).T.contiguous()


def is_linear(layer: nn.Module) -> bool:
    """Whether `without_bias` knows the layer."""
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        return layer.padding_mode == "zeros" and not isinstance(layer.padding, str)
    return isinstance(layer, nn.Linear)


def without_bias(layer: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    """What a linear or convolution layer without its bias makes of `inputs` (B, ...), computed in their dtype.

    Raises TypeError for another layer.
    """
    if not is_linear(layer):
        raise TypeError(f"no certified bound for the layer {layer}")
    if isinstance(layer, nn.Conv2d):
        return nn.functional.conv2d(
            inputs, layer.weight.detach().to(inputs), None, layer.stride, layer.padding, layer.dilation, layer.groups
        )
    if isinstance(layer, nn.ConvTranspose2d):
        return nn.functional.conv_transpose2d(
            inputs, layer.weight.detach().to(inputs), None, layer.stride, layer.padding, layer.output_padding,
            layer.groups, layer.dilation,
        )  # fmt: skip
    assert isinstance(layer, nn.Linear)
    return nn.functional.linear(inputs, layer.weight.detach().to(inputs))


def _bound(network: nn.Module, shape: Shape) -> tuple[float, Shape]:
    """Lipschitz constant and output shape of a network whose parts follow one another."""
    if isinstance(network, ResidualBlock):
        inner, shape_after = _bound(network.body, shape)
        return 1.0 + inner, shape_after
    parts = list(network) if isinstance(network, nn.Sequential) else [network]
    bound, gains = 1.0, None
    for part in parts:
        slopes = _slopes(part, shape)
        if slopes is not None:
            gains = slopes if gains is None else gains * slopes
        elif isinstance(part, ResidualBlock | nn.Sequential):
            inner, shape = _bound(part, shape)
            bound, gains = bound * inner * _largest(gains), None
        else:
            bound *= operator_norm(part, shape, gains)
            shape, gains = without_bias(part, torch.zeros(1, *shape, dtype=torch.float64)).shape[1:], None
    return bound * _largest(gains), shape


def _slopes(layer: nn.Module, shape: Shape) -> torch.Tensor | None:
    """Largest slope per value (numel,) of a layer that acts on each value alone; None for other layers."""
    if isinstance(layer, nn.PReLU):
        steepest = layer.weight.detach().double().abs().clamp_min(1.0)
        per_channel = steepest if len(steepest) > 1 else steepest.expand(shape[0])
        return per_channel.repeat_interleave(math.prod(shape[1:]))
    if isinstance(layer, nn.ReLU | nn.Identity):
        return torch.ones(math.prod(shape), dtype=torch.float64)
    if isinstance(layer, nn.Sigmoid):
        return torch.full((math.prod(shape),), 0.25, dtype=torch.float64)
    return None


def _largest(gains: torch.Tensor | None) -> float:
    return 1.0 if gains is None else float(gains.max())
