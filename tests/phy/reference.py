"""Belief propagation as the textbooks write it: float64, one message at a time."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import torch
from scipy import optimize, stats

from semrobust.phy.ldpc import LdpcCode

Reals = npt.NDArray[np.float64]


def boxplus(a: Reals, b: Reals) -> Reals:
    """LLR of the sum of two bits, 2 atanh(tanh(a/2) tanh(b/2)), in Jacobian form: exact at any magnitude."""
    small = np.minimum(np.abs(a), np.abs(b))
    size = small + np.log1p(np.exp(-np.abs(a) - np.abs(b))) - np.log1p(np.exp(-np.abs(np.abs(a) - np.abs(b))))
    return np.asarray(np.sign(a) * np.sign(b) * size)


def answers(rule: str, messages: Reals, factor: float) -> Reals:
    """What a check answers to its messages (degree, ...), edge by edge; to a lone edge: the bit is 0, surely."""
    result = np.full(messages.shape, factor * 1e6 if rule == "min-sum" else 1e6)
    for edge in range(len(messages) if len(messages) > 1 else 0):
        others = np.delete(messages, edge, axis=0)
        if rule == "min-sum":
            result[edge] = factor * np.prod(np.sign(others), axis=0) * np.abs(others).min(axis=0)
        else:
            result[edge] = others[0]
            for other in others[1:]:
                result[edge] = boxplus(result[edge], other)
    return result


def decode(
    code: LdpcCode, llr: Reals, rule: str, limit: int, factor: float, stop: bool = True, schedule: str = "layered"
) -> tuple[Reals, npt.NDArray[np.int64]]:
    """Decoding of LLRs (words, n): posteriors of all nodes (words, nodes) and iterations taken (words,)."""
    checks = [code.parity_check.indices[a:b] for a, b in pairwise(code.parity_check.indptr)]
    posterior = np.zeros((code.nodes, len(llr)))
    posterior[code.channel_nodes] = llr.T
    kept = [np.zeros((len(check), len(llr))) for check in checks]
    result, taken = np.empty((len(llr), code.nodes)), np.full(len(llr), -1)
    for iteration in range(limit + 1):
        even = np.all([np.sum(posterior[check] < 0, axis=0) % 2 == 0 for check in checks], axis=0)
        done = (taken < 0) & ((iteration == limit) | (stop & even & posterior.all(axis=0)))
        result[done], taken[done] = posterior[:, done].T, iteration
        heard = posterior if schedule == "layered" else posterior.copy()
        for i, check in enumerate(checks):
            messages = heard[check] - kept[i]
            posterior[check] -= kept[i]
            kept[i] = answers(rule, messages, factor)
            posterior[check] += kept[i]
    return result, taken


def min_sum_slope(code: LdpcCode, llr: Reals, weights: Reals, limit: int, factor: float, most: float) -> Reals:
    """Gradient (words, n) of Σ weights·posterior after `limit` passes of min-sum, by torch in float64.

    Answers are at most factor·`most`, and are differentiated as if they were not cut.
    """
    given = torch.tensor(llr.T, requires_grad=True)
    posterior = list(given.unbind())
    checks = [code.parity_check.indices[a:b].tolist() for a, b in pairwise(code.parity_check.indptr)]
    kept = [torch.zeros(len(check), len(llr), dtype=torch.float64) for check in checks]
    for _ in range(limit):
        for i, check in enumerate(checks):
            messages = torch.stack([posterior[node] for node in check]) - kept[i]
            signs = 1.0 - 2.0 * (messages < 0)
            sizes, order = (messages * signs).sort(dim=0, stable=True)  # unlike |x|, with a slope at 0
            others = torch.where(torch.arange(len(check))[:, None] == order[0], sizes[1], sizes[0])
            cut = others - (others - most).clamp_min(0).detach()
            kept[i] = factor * signs * signs.prod(dim=0) * cut
            for node, value in zip(check, messages + kept[i], strict=True):
                posterior[node] = value
    total = (torch.stack(posterior) * torch.tensor(weights.T)).sum()
    (slope,) = torch.autograd.grad(total, given)
    return np.asarray(slope.numpy().T)


def normal_approximation(k: int, n: int, snr_db: float) -> float:
    """Block error rate that good codes of this size come near to, by capacity and dispersion of the ±1 AWGN channel.

    Polyanskiy, Poor and Verdú, IEEE Trans. Inf. Theory 56(5), 2010, with the term log2(n)/2.
    """
    points, weights = np.polynomial.hermite_e.hermegauss(120)
    weights = weights / weights.sum()
    sigma = 10 ** (-snr_db / 20)
    density = 1 - np.log2(1 + np.exp(-2 * (1 + sigma * points) / sigma**2))
    capacity = weights @ density
    dispersion = weights @ density**2 - capacity**2
    return float(stats.norm.sf((n * capacity - k + np.log2(n) / 2) / np.sqrt(n * dispersion)))


def bound_snr_db(k: int, n: int, rate: float) -> float:
    """SNR at which `normal_approximation` is the given block error rate."""
    return float(optimize.brentq(lambda snr_db: normal_approximation(k, n, snr_db) - rate, -5.0, 15.0))
