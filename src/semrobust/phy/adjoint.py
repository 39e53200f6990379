"""Derivative of belief propagation: which received value matters how much for which decision.

Reverse-mode differentiation of exactly the iterations that `phy.belief` runs. Forward, every message to and answer
from a check is kept; backward, the checks are visited in reverse order. With v the messages to a check, u its answers
and x̄ the derivative of the objective with respect to x:

    ū_j = P̄_j + c̄_j,    v̄_j = P̄_j + Σ_{k≠j} ū_k ∂u_k/∂v_j,    then P̄_j = v̄_j and c̄_j = -v̄_j.

With the flooding schedule, where P is made anew from the channel LLRs and all answers, v̄_j lacks the term P̄_j, P̄ of the
pass before is the sum of v̄ over a node's edges, and the channel LLRs take P̄ of every pass.

- sum-product: d|u_k| / sinh|u_k| = Σ_{j≠k} d|v_j| / sinh|v_j|, so |∂u_k/∂v_j| = sinh|u_k| / sinh|v_j| <= 1;
- min-sum: ∂u_k/∂v_j = ±factor for the j that has the least magnitude among the others, else 0, beyond `CERTAIN` too.

Through many iterations a derivative grows beyond all float32 numbers (by a factor of 7 each for min-sum and weights
(4, 6)). So each word's is scaled down by powers of two on its way back: what large ones mean is their direction.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from semrobust.phy.belief import _SIGN, FLOODING, MIN_SUM, Floats, Index, _exp, _iterate, _least_two, rows, widest
from semrobust.phy.simd import (
    LANES,
    as_floats,
    as_ints,
    inline,
    isplat,
    kernel,
    less,
    load,
    magnitude,
    most,
    same,
    select,
    splat,
    store,
)

_F, _I = np.float32, np.int32
_TINY = _F(1e-6)  # keeps 0/0 finite where a bit is undecided
_LARGEST = _F(2.0**32)  # its square times any length is far from overflow, and so is one more iteration


@inline
def _toward(x: Any, value: Any) -> Any:
    """`value` with the sign flipped where x is negative."""
    return as_floats(as_ints(value) ^ (as_ints(x) & isplat(_SIGN)))


@inline
def _min_sum_back(degree: int, v: Any, u: Any, bar: Any, at: int, factor: Any) -> None:
    """Replace ū in `bar` (degree, LANES) by Σ_{k≠j} ū_k ∂u_k/∂v_j; v and u are read from row `at` on."""
    zero = splat(_F(0.0))
    first = second = splat(_F(np.inf))
    place = runner_up = isplat(_I(0))
    total, lone = zero, zero  # Σ_{k≠place} of ū_k sign(u_k), and that of the place itself
    for j in range(degree):
        a = magnitude(load(v, at + j))
        nearer = less(a, first)
        runner_up = select(nearer, place, select(less(a, second), isplat(_I(j)), runner_up))
        second = select(nearer, first, select(less(a, second), a, second))
        place = select(nearer, isplat(_I(j)), place)
        first = select(nearer, a, first)
    for j in range(degree):
        own = _toward(load(u, at + j), load(bar, j))
        here = same(place, isplat(_I(j)))
        total = total + select(here, zero, own)
        lone = lone + select(here, own, zero)
    for j in range(degree):
        there = select(same(runner_up, isplat(_I(j))), lone, zero)
        gained = select(same(place, isplat(_I(j))), total, there)
        store(bar, j, _toward(load(v, at + j), gained) * splat(factor))


@inline
def _sum_product_back(degree: int, v: Any, u: Any, bar: Any, at: int, scratch: Any) -> None:
    """As `_min_sum_back` for the sum-product rule."""
    zero, one, two = splat(_F(0.0)), splat(_F(1.0)), splat(_F(-2.0))
    first, _, place, _ = _least_two(degree, v, at)
    total, lone, largest = zero, zero, zero
    for j in range(degree):
        answer = load(u, at + j)
        size = magnitude(answer)
        own = _toward(answer, load(bar, j)) * (one - _exp(two * size))
        here = same(place, isplat(_I(j)))
        # relative to e^first for all but the place, whose answer may be larger than that
        own = own * _exp(select(here, zero, size - first))
        total = total + select(here, zero, own)
        lone = lone + select(here, own, zero)
        largest = select(here, size, largest)
        store(scratch, j, select(here, zero, own))
    for j in range(degree):
        x = load(v, at + j)
        a = magnitude(x)
        from_place = select(same(place, isplat(_I(j))), zero, lone * _exp(largest - a))
        gained = (total - load(scratch, j)) * _exp(first - a) + from_place
        store(bar, j, _toward(x, gained / (one - _exp(two * a) + splat(_TINY))))


@inline
def _rescale(p: Any, c: Any, base: Any, largest: Any) -> None:
    """Scale down p, c and base where the largest entry of a lane, in `largest` (1, LANES), is above `_LARGEST`.

    By a power of two, which rounds nothing, to between 2^16 and 2^17.
    """
    above = False
    for lane in range(LANES):
        above |= largest[0, lane] > _LARGEST
    if above:
        size = load(largest, 0)
        exponent = as_ints(size) >> isplat(_I(23))
        down = as_floats((isplat(_I(2 * 127 + 16)) - exponent) << isplat(_I(23)))
        scale = select(less(splat(_LARGEST), size), down, splat(_F(1.0)))
        for i in range(p.shape[0]):
            store(p, i, load(p, i) * scale)
        for edge in range(c.shape[0]):
            store(c, edge, load(c, edge) * scale)
        for i in range(base.shape[0]):
            store(base, i, load(base, i) * scale)


@kernel
def _gradient(
    start: Any, node: Any, llr: Any, weights: Any, schedule: int, rule: int, factor: Any, iterations: int,
    posterior: Any, slope: Any,
    p: Any, c: Any, base: Any, back: Any, v: Any, u: Any, bar: Any, t: Any, keep: Any, largest: Any,
) -> None:  # fmt: skip
    """Work of `gradient`, on scratch arrays."""
    words, nodes = llr.shape
    edges = node.size
    for first in range(0, words, LANES):
        count = min(LANES, words - first)
        for lane in range(count):
            for i in range(nodes):
                p[i, lane] = llr[first + lane, i]
        for i in range(base.shape[0]):
            store(base, i, load(p, i))
        store(keep, 0, splat(_F(0.0)))
        for iteration in range(iterations):
            _iterate(schedule, rule, factor, start, node, p, c, base, keep, v, u, t, iteration * edges, 1)
            store(keep, 0, splat(_F(1.0)))
        wanted = False
        for lane in range(count):
            for i in range(nodes):
                posterior[first + lane, i] = p[i, lane]
                p[i, lane] = weights[first + lane, i]
                wanted |= weights[first + lane, i] != _F(0.0)
        if not wanted:
            slope[first : first + count] = _F(0.0)
            continue
        for edge in range(edges):
            store(c, edge, splat(_F(0.0)))
        size = splat(_F(0.0))
        for i in range(nodes):
            size = most(size, magnitude(load(p, i)))
        store(largest, 0, size)
        for i in range(base.shape[0]):
            store(base, i, splat(_F(0.0)))
        _rescale(p, c, base, largest)
        for iteration in range(iterations - 1, -1, -1):
            size = splat(_F(0.0))
            for i in range(base.shape[0]):
                store(base, i, load(base, i) + load(p, i))
                store(back, i, splat(_F(0.0)))
            for check in range(start.size - 2, -1, -1):
                edge = start[check]
                degree = start[check + 1] - edge
                at = iteration * edges + edge
                for j in range(degree):
                    store(bar, j, load(p, node[edge + j]) + load(c, edge + j))
                if rule == MIN_SUM:
                    _min_sum_back(degree, v, u, bar, at, factor)
                else:
                    _sum_product_back(degree, v, u, bar, at, t)
                for j in range(degree):
                    moved = load(bar, j)
                    if schedule == FLOODING:
                        store(back, node[edge + j], load(back, node[edge + j]) + moved)
                    else:
                        moved = load(p, node[edge + j]) + moved
                        store(p, node[edge + j], moved)
                    store(c, edge + j, splat(_F(0.0)) - moved)
                    size = most(size, magnitude(moved))
            for i in range(base.shape[0]):
                store(p, i, load(back, i))
                size = most(size, most(magnitude(load(base, i)), magnitude(load(p, i))))
            store(largest, 0, size)
            _rescale(p, c, base, largest)
        for i in range(base.shape[0]):
            store(p, i, load(p, i) + load(base, i))
        for lane in range(count):
            for i in range(nodes):
                slope[first + lane, i] = p[i, lane]


def gradient(
    start: Index, node: Index, llr: Floats, weights: Floats, schedule: int, rule: int, factor: np.float32,
    iterations: int, posterior: Floats, slope: Floats,
) -> None:  # fmt: skip
    """Posteriors after exactly `iterations` passes, and the gradient of Σ_i weights_i posterior_i.

    llr, weights (words, nodes) float32 in; posterior, slope (words, nodes) float32 out, slope with respect to llr; a
    word's is scaled down by a power of two if an entry, on the way back too, is above 2^32.
    Weights that are all 0 cost no pass back. Arrays are C-contiguous.
    Messages of all passes are kept: 128 bytes · iterations · edges.
    """
    edges, degree, again = node.size, widest(start), llr.shape[1] * schedule  # what flooding alone needs
    _gradient(
        start, node, llr, weights, schedule, rule, factor, iterations, posterior, slope,
        rows(llr.shape[1]), rows(edges), rows(again), rows(again), rows(iterations * edges), rows(iterations * edges),
        rows(degree), rows(3 * degree), rows(1), rows(1),
    )  # fmt: skip
