"""Distortion of what a differentiable receiver shows, and its gradient."""

from __future__ import annotations

import torch

from semrobust.attacks.base import Target
from semrobust.systems.distortion import mean_squared_error


def measure(target: Target, perturbation: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean squared error (B,) of the images of `target` under the perturbation (B, N), and its gradient (B, N)."""
    received = (target.received + perturbation).requires_grad_(True)
    shown = target.system.decode_differentiably(received, target.noise_variance)
    mse = mean_squared_error(shown, target.images)
    (gradient,) = torch.autograd.grad(mse.sum(), received)
    return mse.detach(), gradient


def vanished(target: Target) -> torch.Tensor:
    """Where (B,) bool the gradient is exactly 0 at what is received."""
    _, gradient = measure(target, torch.zeros_like(target.received))
    return (gradient == 0).all(dim=1)
