"""What moves the weights in training, and how fast: AdamW, beside it Muon where asked, both with a one-cycle rate."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import torch

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)  # Jordan 2024: steep at 0, so that five iterations do
_ITERATIONS = 5
_ADAM_RMS = 0.2  # size of an AdamW step's entries


class Rates(Protocol):
    """Settings of a training that are read here."""

    @property
    def epochs(self) -> int: ...
    @property
    def learning_rate(self) -> float: ...
    @property
    def warmup_share(self) -> float: ...
    @property
    def weight_decay(self) -> float: ...


def orthogonal(matrices: torch.Tensor) -> torch.Tensor:
    """About U·Vᵀ of each matrix U·S·Vᵀ in (K, rows, columns), float32: singular values come near 1."""
    first, second, third = NEWTON_SCHULZ
    wide = matrices if matrices.shape[-2] <= matrices.shape[-1] else matrices.mT
    x = wide / wide.norm(dim=(-2, -1), keepdim=True).clamp(min=1e-7)
    for _ in range(_ITERATIONS):
        gram = x @ x.mT
        x = first * x + (second * gram + third * gram @ gram) @ x
    found: torch.Tensor = x if wide is matrices else x.mT
    return found


class Muon(torch.optim.Optimizer):
    """Momentum whose matrices are made orthogonal before each step (Jordan 2024; scaled as in Liu et al. 2025).

    As `torch.optim.Muon` with `adjust_lr_fn="match_rms_adamw"`, so that rates are those of AdamW, but in float32 and
    matrices of one shape together: that one computes in bfloat16, slow on processors without such instructions.
    """

    def __init__(self, matrices: Iterable[torch.nn.Parameter], rate: float, decay: float, momentum: float = 0.95):
        super().__init__(list(matrices), {"lr": rate, "weight_decay": decay, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # torch's has one more form, with a closure
        """Move each matrix by its rate; those without a gradient stay."""
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[torch.nn.Parameter]] = {}
            for matrix in group["params"]:
                if matrix.grad is not None:
                    by_shape.setdefault(matrix.shape, []).append(matrix)
            for shape, alike in by_shape.items():
                ahead = torch.stack([self._momentum(matrix, group["momentum"]) for matrix in alike])
                moves = orthogonal(ahead) * (_ADAM_RMS * max(shape) ** 0.5)
                for matrix, move in zip(alike, moves, strict=True):
                    matrix.mul_(1 - group["lr"] * group["weight_decay"]).sub_(move, alpha=group["lr"])

    def _momentum(self, matrix: torch.nn.Parameter, momentum: float) -> torch.Tensor:
        """The gradient a step ahead (Nesterov)."""
        assert matrix.grad is not None
        kept = self.state[matrix].setdefault("momentum", torch.zeros_like(matrix))
        kept.lerp_(matrix.grad, 1 - momentum)
        return matrix.grad.lerp(kept, momentum)


def one_cycle(optimizer: torch.optim.Optimizer, schedule: Rates, steps: int) -> torch.optim.lr_scheduler.LRScheduler:
    """The learning rate rises over the share `warmup_share` of all steps (`steps` an epoch), then falls to nothing."""
    total, share = schedule.epochs * steps, schedule.warmup_share
    if share * total == 1:
        # a rise of one step has no length, and torch divides by it: a little less of it begins at the top
        share *= 1 - 1e-9
    momentum = "betas" in optimizer.defaults  # falls and rises with AdamW's rate, as torch has it; Muon's stays
    return torch.optim.lr_scheduler.OneCycleLR(
        optimizer, schedule.learning_rate, total_steps=total, pct_start=share, cycle_momentum=momentum
    )


class Optimizers:
    """AdamW for what `matrices` leaves, Muon for those, each with its one cycle of `steps` an epoch."""

    def __init__(
        self, module: torch.nn.Module, matrices: Sequence[torch.nn.Parameter], schedule: Rates, steps: int
    ) -> None:
        rate, decay, apart = schedule.learning_rate, schedule.weight_decay, {id(matrix) for matrix in matrices}
        rest = [parameter for parameter in module.parameters() if id(parameter) not in apart]
        self.each: list[torch.optim.Optimizer] = [torch.optim.AdamW(rest, rate, weight_decay=decay, fused=True)]
        if matrices:
            self.each.append(Muon(matrices, rate, decay))
        self.schedulers = [one_cycle(optimizer, schedule, steps) for optimizer in self.each]

    @property
    def steps_done(self) -> int:
        return self.schedulers[0].last_epoch

    def zero_grad(self) -> None:
        for optimizer in self.each:
            optimizer.zero_grad()

    def step(self) -> None:
        """One step of the weights, and of the rates."""
        for optimizer in self.each:
            optimizer.step()
        for scheduler in self.schedulers:
            scheduler.step()

    def state_dict(self) -> list[dict[str, Any]]:
        return [*(kept.state_dict() for kept in self.each), *(kept.state_dict() for kept in self.schedulers)]

    def load_state_dict(self, state: list[dict[str, Any]]) -> None:
        count = len(self.each)
        for optimizer, given in zip(self.each, state[:count], strict=True):
            optimizer.load_state_dict(given)
        for scheduler, given in zip(self.schedulers, state[count:], strict=True):
            scheduler.load_state_dict(given)
