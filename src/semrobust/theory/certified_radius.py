"""A certificate for one received vector: no ||s|| <= r drives the reconstruction to the distortion D*.

The decoder g is followed from y outwards. Of a unit with pre-activation c and change δ, the activation changes by
m(δ)·δ, and m(δ) lies in an interval that a bound on |δ| narrows: a PReLU that cannot flip has one slope only. So with
m₀ the middle of the interval and h half its width

    φ(c + δ) - φ(c) = m₀ δ + d,    |d| <= h |δ|

and the change at any layer is J₀ s plus what all departures d before it become on their way through the *same* linear
network of middle slopes. Each layer's departures get one ball: with g = √h per unit, ||d / g|| <= ||g δ||, and the
right side is bounded by `product_norm` over s and all earlier departures. The changes of single units, which narrow
the intervals, are the sums of the sources' norms on them. A residual block is a fork and a join, so its two ways stay
correlated, as is the clean error with what the sigmoid does (`_shown`).

The tangent instead of the middle slope, one norm per layer and sums of norms are the simpler certificate of this kind;
each departure is then twice as large, and they multiply.

Everything that is claimed is computed in float64; `_ROUNDING` covers its sums, `_RECEIVER` that receivers compute in
float32.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn

from semrobust.models.deepjscc import ResidualBlock
from semrobust.theory.operator_norm import is_linear, without_bias
from semrobust.theory.product_norm import bound

_ROUNDING = 1e-6
"""Of every norm, relative: float64 sums of some thousand terms err by less than 1e-11 of their absolute terms."""
_RECEIVER = 1e-3
"""Of the norm ||x̂ - x||, absolute: of a float32 receiver pixels err by less than 1e-5, an image of 3072 by 6e-4."""
_FORK, _JOIN = "fork", "join"
_CHUNK = 1024  # columns through a layer at once
_TINY, _FAR = 1e-3, 1e3  # radii: where the decoder is its tangent, and one for a tangent of slope 0
_FIRST = 0.08  # of the tangent's radius
_STEP = 2.0  # the rise grows with this power of the radius, until it is known better
_CLOSE = 0.97
"""The search ends where the estimated rise of the distance is at least this share of what is left."""

Step = nn.Module | str


@dataclass(frozen=True)
class Certificate:
    """`power_total` ||s||² that provably cannot break the image, 0 where nothing is certified; `linear` what the
    decoder's tangent at y alone would say, no bound; `evaluations` of the relaxation; `flipping`, the share of units
    whose slope is not certain at that power."""

    power_total: float
    linear: float
    evaluations: int
    flipping: float


def refusal(network: nn.Module) -> str:
    """Why a network has no such certificate; empty if it has."""
    for part in _steps(network):
        if not (isinstance(part, str | nn.PReLU | nn.ReLU | nn.Sigmoid) or is_linear(part)):
            return f"no certificate knows the layer {part}"
    sigmoids = [isinstance(part, nn.Sigmoid) for part in _steps(network)]
    return "a sigmoid is certified as the last layer only" if any(sigmoids[:-1]) else ""


def certify(
    network: nn.Module, received: torch.Tensor, image: torch.Tensor, threshold: float, evaluations: int
) -> Certificate:
    """The largest ||s||² certified, within a few percent, for `received` (without batch, as the layers read it).

    `image` of the output's shape; broken means ||g(y + s) - x||² >= `threshold`. ValueError for another network than
    `refusal` accepts, and the network keeps its weights and dtype.
    """
    if reason := refusal(network):
        raise ValueError(reason)
    relaxation = Relaxation(network, received, image)
    limit = math.sqrt(threshold) - _RECEIVER
    if relaxation.clean >= limit:
        return Certificate(0.0, 0.0, 0, 0.0)
    linear = relaxation.linear(limit)
    radius, count = _search(relaxation, limit, linear, evaluations)
    for share in (0.99, 0.96, 0.9, 0.7, 0.4, 0.1):
        count += 1
        if relaxation.distance(share * radius, prove=True) < limit:
            return Certificate((share * radius) ** 2, linear**2, count, relaxation.flipping)
    return Certificate(0.0, linear**2, count, 1.0)


def _search(relaxation: Relaxation, limit: float, linear: float, evaluations: int) -> tuple[float, int]:
    """A radius at which the estimated rise of the distance is just below what is left: secants in logarithms."""
    left, radius, known = limit - relaxation.clean, _FIRST * linear, []
    for count in range(1, evaluations + 1):
        known.append((radius, relaxation.distance(radius, prove=False) - relaxation.clean))
        if _CLOSE * left < known[-1][1] < left:
            return radius, count
        low = max((point for point in known if point[1] < left), default=(0.0, 0.0))
        high = min((point for point in known if point[1] >= left), default=(linear, math.inf))
        near, slope = low if low[1] > 0 else high, _STEP
        (before, risen), (now, rises) = known[-2:] if count > 1 else ((0.0, 0.0), known[0])
        if min(risen, rises) > 0 and risen != rises and math.isfinite(risen + rises):
            slope = math.log(rises / risen) / math.log(now / before)
        step = ((1 + _CLOSE) / 2 * left / near[1]) ** (1 / max(slope, 0.5)) if math.isfinite(near[1]) else 0.5
        radius = near[0] * min(max(step, 0.3), 6.0)
        if not low[0] < radius < high[0]:
            radius = (low[0] + high[0]) / 2
    return max((point[0] for point in known if point[1] < left), default=radius), evaluations


class Relaxation:
    """A decoder around one received vector."""

    def __init__(self, network: nn.Module, received: torch.Tensor, image: torch.Tensor) -> None:
        self.steps, self.shape = list(_steps(network)), tuple(received.shape)
        self.rest: list[torch.Tensor] = []  # pre-activations of each activation, without an attack
        shown = self._exactly(received.double())
        self.error = (shown - image.double()).flatten()
        self.clean = float(self.error.norm())
        self.squash = self.rest[-1].flatten() if isinstance(self.steps[-1], nn.Sigmoid) else None
        self.flipping = 0.0

    def linear(self, limit: float) -> float:
        """Radius at which the tangent's change would reach from the clean error to `limit`, estimated."""
        blocks = self.changes(_TINY, torch.float32)
        slopes = torch.ones_like(self.error) if self.squash is None else _logistic_slope(self.squash)
        steep = bound([block * slopes for block in blocks], prove=False) / _TINY
        return min((limit - self.clean) / steep, _FAR) if steep > 0 else _FAR

    def distance(self, radius: float, *, prove: bool) -> float:
        """Bound on ||g(y + s) - x|| for all ||s|| <= `radius`; an estimate of that bound without `prove`."""
        blocks = self.changes(radius, torch.float64 if prove else torch.float32)
        return _shown(self.error, self.squash, blocks, prove)

    def changes(self, radius: float, kind: torch.dtype) -> tuple[torch.Tensor, ...]:
        """What s and all departures may change in front of the sigmoid: (columns, values) of each source.

        Bounds of the departures are proved in float64, and estimated in float32.
        """
        values, prove = math.prod(self.shape), kind == torch.float64
        eye = radius * torch.eye(values, dtype=kind, device=self.error.device)
        state, sizes, forks, rest = eye.reshape(values, *self.shape), [values], [], iter(self.rest)
        flipping = [0, 1e-300]
        for step in self.steps:
            if step == _FORK:
                forks.append(state)
            elif step == _JOIN:
                early = forks.pop()
                state[: len(early)] += early
            elif isinstance(step, nn.PReLU | nn.ReLU):
                state, flips = _bent(step, next(rest), state, sizes, prove)
                sizes.append(flips)
                flipping = [flipping[0] + flips, flipping[1] + state[0].numel()]
            elif not isinstance(step, nn.Sigmoid):
                assert isinstance(step, nn.Module)
                state = torch.cat([without_bias(step, part) for part in torch.split(state, _CHUNK)])
        self.flipping = flipping[0] / flipping[1]
        return torch.split(state.flatten(1), sizes)

    def _exactly(self, values: torch.Tensor) -> torch.Tensor:
        """What the network gives, in float64."""
        forks = []
        for step in self.steps:
            if step == _FORK:
                forks.append(values)
            elif step == _JOIN:
                values = values + forks.pop()
            elif isinstance(step, nn.PReLU | nn.ReLU):
                self.rest.append(values)
                values = torch.where(values > 0, values, _slopes(step, values).reshape(values.shape) * values)
            elif isinstance(step, nn.Sigmoid):
                self.rest.append(values)
                values = torch.sigmoid(values)
            else:
                assert isinstance(step, nn.Module)
                bias = getattr(step, "bias", None)
                values = without_bias(step, values[None])[0]
                if bias is not None:
                    values = values + bias.detach().double().reshape(-1, *[1] * (values.ndim - 1))
        return values


def _bent(
    step: nn.Module, rest: torch.Tensor, state: torch.Tensor, sizes: list[int], prove: bool
) -> tuple[torch.Tensor, int]:
    """What a PReLU makes of the sources, its own departures behind them; and how many units depart."""
    rest, slope = rest.flatten(), _slopes(step, rest)
    changes = state.flatten(1)
    most = _per_unit(torch.split(changes, sizes))
    spread = (slope - 1).abs() * (1 - rest.abs() / most.clamp_min(1e-300)).clamp_min(0.0)
    tangent = torch.where(rest > 0, 1.0, slope)
    middle = tangent + torch.where(rest > 0, slope - 1, 1 - slope).sign() * spread / 2
    units = (spread > 0).nonzero().squeeze(1)
    half = spread[units] / 2
    gain = half.sqrt()
    felt = changes[:, units] * gain.to(changes)
    reach = bound(torch.split(felt, sizes), prove=prove) * (1 + _ROUNDING) if len(units) else 0.0
    departures = torch.zeros(len(units), len(rest), dtype=state.dtype, device=state.device)
    departures[torch.arange(len(units), device=units.device), units] = (reach * gain).to(state)
    whole = torch.cat([changes * middle.to(changes), departures])
    return whole.reshape(len(whole), *state.shape[1:]), len(units)


def _shown(error: torch.Tensor, squash: torch.Tensor | None, blocks: tuple[torch.Tensor, ...], prove: bool) -> float:
    """Bound on ||e + m∘v|| for the clean error e, v = Σ M_k ν_k and slopes m of the sigmoid, unknown in an interval.

    With m₀ its middle, h half its width and M = m₀ + h its end: ||e + m∘v||² <= ||e||² + 2|<e, m₀∘v>|
    + 2 Σ |e| h |v| + ||M∘v||², the third at most 2 ||h/M ∘ e||·||M∘v||.
    """
    steepest, flattest = torch.ones_like(error), torch.ones_like(error)
    if squash is not None:
        most = _per_unit(blocks)
        steepest, flattest = _logistic_slope((squash.abs() - most).clamp_min(0.0)), _logistic_slope(squash.abs() + most)
    middle, half = (steepest + flattest) / 2, (steepest - flattest) / 2
    far = bound([block * steepest.to(block) for block in blocks], prove=prove) * (1 + _ROUNDING)
    along = sum(float((block @ (middle * error).to(block)).norm()) for block in blocks) * (1 + _ROUNDING)
    clean, loose = float(error.norm()), float((half / steepest.clamp_min(1e-300) * error).norm())
    together = clean**2 + 2 * along + 2 * loose * far + far**2
    return min(math.sqrt(together) * (1 + _ROUNDING), clean + far) if math.isfinite(far) else math.inf


def _per_unit(blocks: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """Largest change of each unit, float64: exactly the sum of the sources' norms on it."""
    total = torch.stack([torch.linalg.vector_norm(block, dim=0) for block in blocks]).double().sum(dim=0)
    return total * (1 + _ROUNDING)


def _logistic_slope(at: torch.Tensor) -> torch.Tensor:
    """The sigmoid's derivative, which falls with |u|: between its ends over an interval lies every chord's slope."""
    return torch.sigmoid(at) * torch.sigmoid(-at)


def _slopes(step: nn.Module, values: torch.Tensor) -> torch.Tensor:
    """Slope below 0 of each unit (units,) float64; `values` without batch."""
    if isinstance(step, nn.ReLU):
        return torch.zeros(values.numel(), dtype=torch.float64, device=values.device)
    assert isinstance(step, nn.PReLU)
    slope = step.weight.detach().double()
    return slope.repeat_interleave(values.numel() // len(slope))


def _steps(network: nn.Module) -> Iterator[Step]:
    """Layers in their order, residual blocks taken apart."""
    if isinstance(network, ResidualBlock):
        yield _FORK
        yield from _steps(network.body)
        yield _JOIN
    elif isinstance(network, nn.Sequential):
        for part in network:
            yield from _steps(part)
    elif not isinstance(network, nn.Identity):
        yield network
