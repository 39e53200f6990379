"""A proven bound on ||Σ_k M_k ν_k|| over all vectors with ||ν_k|| <= 1: one ball for each of several sources.

The triangle inequality adds norms, as if the steepest directions of all sources met. For any weights λ_k > 0

    ||Σ_k M_k ν_k||² <= σ(Σ_k M_k M_kᵀ / λ_k) · Σ_k λ_k,    σ the largest eigenvalue

(Cauchy-Schwarz; with λ_k = ||M_k|| the right side is at most the triangle inequality's). How the weights are found does
not matter to the truth of it, so a power iteration does; what is claimed of σ is proved: τ·1 - Σ_k M_k M_kᵀ / λ_k has a
Cholesky factor in float64, by more than its rounding.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from scipy import sparse

Blocks = Sequence[torch.Tensor]
"""M_kᵀ, each (columns of source k, outputs)."""

_UNIT = torch.finfo(torch.float64).eps / 2
_EXCESSES = (0.02, 0.1, 0.3, 1.0, 3.0, 10.0)  # by which σ is tried to be proved
_ROUNDS, _ITERATIONS = 3, 4  # of the weights, and of the power iteration in each
_FILLED = 0.15  # share of entries up to which a sparse product is the quicker one
_STRIPS = 8  # of a Gram matrix, each up to the diagonal


def bound(blocks: Blocks, *, prove: bool) -> float:
    """The bound; without `prove` what it will be if the first excess suffices, for searches."""
    outputs = blocks[0].shape[1]
    if outputs == 0:
        return 0.0
    stacked = torch.cat([block.float() for block in blocks])  # enough for weights and a first guess
    weights, largest = _weights(stacked, [len(block) for block in blocks])
    if largest == 0 or not math.isfinite(largest):
        return _crude(blocks) if prove else largest
    total = float(sum(weights))
    if not prove:
        return math.sqrt(largest * (1 + _EXCESSES[0]) * total)
    gram = _gram(blocks, weights)
    trace = float(gram.diagonal().sum())
    columns = sum(len(block) for block in blocks)
    for excess in _EXCESSES:
        level = largest * (1 + excess)
        # of the sums in the Gram matrix, and of the factor (Rump 2006, "Verification of positive definiteness")
        slack = 4 * _UNIT * (columns * trace + (outputs + 2) * (outputs * level + trace))
        shifted = -gram
        shifted.diagonal().add_(level - slack)
        if not int(torch.linalg.cholesky_ex(shifted)[1]):
            return min(math.sqrt(level * total), _crude(blocks))
    return _crude(blocks)


def _crude(blocks: Blocks) -> float:
    """The triangle inequality with Frobenius norms; infinite where an entry is not finite."""
    found = sum(float(block.double().norm()) for block in blocks) * (1 + 1e-9)
    return found if math.isfinite(found) else math.inf


def _weights(stacked: torch.Tensor, sizes: list[int]) -> tuple[list[float], float]:
    """Weights λ_k and the largest eigenvalue with them, from below.

    At the optimum the steepest direction v weighs the sources as ||M_kᵀ v|| does, which is iterated, damped.
    """
    shares = [float(part.norm()) ** 0.5 + 1e-12 for part in torch.split(stacked, sizes)]
    direction = _unit(stacked.square().sum(dim=0).sqrt())
    best: tuple[float, list[float], float] = (math.inf, shares, 0.0)
    for turn in range(_ROUNDS):
        scale = torch.cat([torch.full((size,), 1 / share) for size, share in zip(sizes, shares, strict=True)])
        scale, largest = scale.to(stacked), 0.0
        for _ in range(_ITERATIONS):
            pulled = stacked.T @ (scale * (stacked @ direction))
            largest, direction = float(pulled.norm()), _unit(pulled)
        if not math.isfinite(largest):
            return shares, math.inf
        best = min(best, (sum(shares) * largest, shares, largest))
        felt = [float(part.norm()) for part in torch.split(stacked @ direction, sizes)]
        total, step = sum(felt) or 1.0, 0.7 * 0.8**turn
        wanted = [max(one / total, 1e-6) for one in felt]
        whole = sum(shares)
        shares = [(old / whole) ** (1 - step) * new**step for old, new in zip(shares, wanted, strict=True)]
    return best[1], best[2]


def _gram(blocks: Blocks, weights: list[float]) -> torch.Tensor:
    """Σ_k M_k M_kᵀ / λ_k, (outputs, outputs) float64: the triangle at and below the diagonal, which Cholesky reads."""
    outputs = blocks[0].shape[1]
    total = torch.zeros(outputs, outputs, dtype=torch.float64, device=blocks[0].device)
    for block, weight in zip(blocks, weights, strict=True):
        scaled = block.double() / math.sqrt(weight)
        if not scaled.is_cuda and int(scaled.count_nonzero()) < _FILLED * scaled.numel():
            entries = sparse.csr_array(scaled.numpy())  # late layers are local: their matrices are nearly empty
            total += torch.from_numpy((entries.T @ entries).toarray())
        else:
            for first, last in pairwise(outputs * strip // _STRIPS for strip in range(_STRIPS + 1)):
                total[first:last, :last].addmm_(scaled[:, first:last].T, scaled[:, :last])
    return total


def _unit(vector: torch.Tensor) -> torch.Tensor:
    unit: torch.Tensor = vector / vector.norm().clamp_min(1e-30)
    return unit
