"""Slopes of a decoder at points: diagnostics, never certificates (`theory.bounds.Diagnostic`).

J(y) is the Jacobian of the decoder at the received vector y, (values of an image) x (channel uses). Its spectral norm
is the slope of the steepest direction there, its Frobenius norm what small channel noise costs:
E ||g(y + w) - g(y)||² ≈ σ² ||J||_F².
Products with J and its transpose come from forward and reverse differentiation; no J is ever stored.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import torch

Decode = Callable[[torch.Tensor], torch.Tensor]
"""Received vectors (B, N) to images (B, 3, 32, 32), differentiable and independent per row."""


@dataclass(frozen=True)
class Spectral:
    """Per vector, float64 (B,): `norm` ||J v|| of the last iterate, which approaches the spectral norm from below;
    `converged` bool (B,), whether the last iteration changed it by less than the tolerance; `direction` (B, N), the
    unit vector v."""

    norm: torch.Tensor
    converged: torch.Tensor
    direction: torch.Tensor


def spectral_norm(
    decode: Decode, received: torch.Tensor, start: torch.Tensor, tolerance: float = 1e-4, iterations: int = 200
) -> Spectral:
    """Spectral norm of J at each of `received` (B, N) by power iteration v <- Jᵀ J v, from `start` (B, N).

    A row stops when its norm changes by less than `tolerance` (relative), all of them after `iterations`.
    """
    _, pull = _linearized(decode, received)
    direction = _unit(start)
    norm = torch.zeros(len(received), dtype=torch.float64)
    converged = torch.zeros(len(received), dtype=torch.bool)
    for _ in range(iterations):
        pushed = cast(torch.Tensor, torch.func.jvp(decode, (received,), (direction,))[1])
        now = torch.where(converged, norm, pushed.flatten(1).double().norm(dim=1))
        converged = (now - norm).abs() <= tolerance * now
        norm = now
        if converged.all():
            break
        (pulled,) = pull(pushed)
        moved = pulled.flatten(1).norm(dim=1, keepdim=True) > 0
        direction = torch.where(moved & ~converged[:, None], _unit(pulled), direction)
    return Spectral(norm, converged, direction.detach())


def frobenius_squared(decode: Decode, received: torch.Tensor, probes: torch.Tensor) -> torch.Tensor:
    """Unbiased estimate (B,) float64 of ||J||_F² at each of `received` (B, N): the mean of ||Jᵀ u||² over `probes`.

    `probes` (p, B, 3·32·32) have independent entries of mean 0 and variance 1; of those, random signs vary least
    (Hutchinson 1990).
    """
    shown, pull = _linearized(decode, received)
    total = torch.zeros(len(received), dtype=torch.float64)
    for probe in probes:
        (pulled,) = pull(probe.reshape(shown.shape))
        total += pulled.double().square().sum(dim=1)
    return total / len(probes)


def steepest_on_path(decode: Decode, received: torch.Tensor, perturbation: torch.Tensor, points: int) -> torch.Tensor:
    """Largest slope (B,) float64 of the decoder between neighbouring points of the line from y to y + s.

    Of `points` equal pieces, the largest ||g(b) - g(a)|| / ||b - a||; 0 where s = 0. By the triangle inequality it is
    at least the mean slope ||g(y + s) - g(y)|| / ||s||, so this very s never beats the power that the slope promises
    (`bounds.diagnostic_power`): a consistency check of one attack, no bound for the next one.
    """
    length = perturbation.double().norm(dim=1) / points
    steepest = torch.zeros(len(received), dtype=torch.float64)
    before = decode(received)
    for point in range(1, points + 1):
        after = decode(received + perturbation * (point / points))
        rise = (after - before).flatten(1).double().norm(dim=1)
        steepest = torch.maximum(steepest, torch.where(length > 0, rise / length.clamp_min(1e-300), 0.0))
        before = after
    return steepest


def _linearized(decode: Decode, received: torch.Tensor) -> tuple[torch.Tensor, Callable[[torch.Tensor], Any]]:
    """What the decoder gives, and the product of its transposed Jacobian with a vector, as a tuple of one."""
    shown, pull = cast(tuple[torch.Tensor, Callable[[torch.Tensor], Any]], torch.func.vjp(decode, received))
    return shown, pull


def _unit(vectors: torch.Tensor) -> torch.Tensor:
    unit: torch.Tensor = vectors / vectors.norm(dim=1, keepdim=True).clamp_min(torch.finfo(vectors.dtype).tiny)
    return unit
