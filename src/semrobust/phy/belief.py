"""Kernels of belief propagation: many codewords side by side, one codeword per SIMD lane.

Messages lie as (edge, lane), so that one vector instruction updates the same edge of `LANES` codewords. Lanes never
mix: a word's result depends on that word alone, whatever its batch. A lane whose word is finished takes the next word
at once, so that the rare words that need all iterations hold up nobody.

One iteration visits the checks in the order of the rows. For check c with incoming messages v_e = P_node(e) - c_e:

- sum-product: tanh(c_e/2) = Π_{j≠e} tanh(v_j/2), in a form that neither overflows nor saturates (`_sum_product`);
- normalized min-sum: c_e = factor · Π_{j≠e} sign(v_j) · min_{j≠e} |v_j| (Chen et al., IEEE Trans. Comm. 2005).

Then P_node(e) = v_e + c_e at once, so that the next checks see it (layered schedule: Hocevar, SiPS 2004); or, when all
checks have answered, P = channel LLR + Σ c_e (flooding schedule). LLR = log p(0)/p(1) throughout.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from semrobust.phy.simd import (
    LANES,
    as_floats,
    as_ints,
    convert,
    fma,
    inline,
    isplat,
    kernel,
    least,
    less,
    load,
    magnitude,
    most,
    same,
    select,
    splat,
    store,
    truncate,
)

CERTAIN = np.float32(1e6)
"""Magnitude of an LLR that stands for certainty: what a check of degree 1 says, and where inputs are clipped."""

MIN_SUM, SUM_PRODUCT = 0, 1
LAYERED, FLOODING = 0, 1

Floats = npt.NDArray[np.float32]
Index = npt.NDArray[np.int32]

_F, _I = np.float32, np.int32
_SIGN = _I(-(2**31))
_LINE = 16  # numbers in a cache line of 64 bytes
_RENORMALIZE = 64  # a fraction at most doubles per edge, and float32 holds 2^127


@inline
def _exp(x: Any) -> Any:
    """exp(x) for x <= 0 within 4e-6 relative; exp(-87) for anything below."""
    y = most(x, splat(_F(-87.0))) * splat(_F(1.4426950408889634))
    whole = truncate(y - splat(_F(0.5)))  # truncation of a negative number towards zero: the nearest integer
    part = y - convert(whole)
    # 2^part on [-1/2, 1/2], least relative error among polynomials that are 1 at 0
    p = fma(splat(_F(1.3264727e-3)), part, splat(_F(9.6715127e-3)))
    p = fma(p, part, splat(_F(5.5507337e-2)))
    p = fma(p, part, splat(_F(2.4022242e-1)))
    p = fma(p, part, splat(_F(6.9314698e-1)))
    p = fma(p, part, splat(_F(1.0)))
    return p * as_floats((whole + isplat(_I(127))) << isplat(_I(23)))


@inline
def _log(x: Any) -> Any:
    """log(x) for finite x > 0 within 1.5e-7 (1 + |log x|); about -88 for 0."""
    half_root = isplat(_I(0x3F3504F3))  # bits of sqrt(1/2): mantissa to [sqrt(1/2), sqrt(2))
    shifted = as_ints(x) - half_root
    exponent = convert(shifted >> isplat(_I(23)))
    m = as_floats((shifted & isplat(_I(0x007FFFFF))) + half_root)
    s = (m - splat(_F(1.0))) / (m + splat(_F(1.0)))
    z = s * s
    # 2 atanh(s) / s for z <= 0.0295, least relative error
    q = fma(z, splat(_F(4.1296373e-1)), splat(_F(6.6652222e-1)))
    q = fma(z, q, splat(_F(2.0)))
    return fma(exponent, splat(_F(0.6931471805599453)), s * q)


@inline
def _least_two(degree: int, v: Any, at: int) -> Any:
    """Least magnitude, the next, place of the least (ints) and sign bit of the product, over `degree` rows of v."""
    first = second = splat(CERTAIN)
    place = sign = isplat(_I(0))
    for j in range(degree):
        x = load(v, at + j)
        a = magnitude(x)
        second = least(second, most(first, a))
        place = select(less(a, first), isplat(_I(j)), place)
        first = least(first, a)
        sign = sign ^ as_ints(x)
    return first, second, place, sign & isplat(_SIGN)


@inline
def _signed(size: Any, sign: Any, x: Any) -> Any:
    """`size` >= 0 with the sign bit `sign` xor that of x."""
    return as_floats(as_ints(size) ^ sign ^ (as_ints(x) & isplat(_SIGN)))


@inline
def _min_sum(degree: int, v: Any, u: Any, at: int, factor: Any) -> None:
    """Answers u of one check to its messages v, both `degree` rows of LANES from row `at` on."""
    first, second, place, sign = _least_two(degree, v, at)
    first, second = first * splat(factor), second * splat(factor)
    for j in range(degree):
        size = select(same(place, isplat(_I(j))), second, first)
        store(u, at + j, _signed(size, sign, load(v, at + j)))


@inline
def _sum_product(degree: int, v: Any, u: Any, at: int, t: Any) -> None:
    """As `_min_sum`; t (3·degree, LANES) is scratch.

    With t_j = exp(-|v_j|) the rule tanh(c/2) = Π tanh(v_j/2) reads exp(-|c|) = t_1 ∘ t_2 ∘ …, x ∘ y = (x + y)/(1 + xy).
    Two scales keep this exact in float32 at any magnitude: the least magnitude, met by every other edge, is left out
    of the product and joined at the end, and all others are taken relative to the next larger one. Products of all
    edges but one come from prefixes and suffixes, kept as fractions, so that each edge takes one division.
    """
    first, second, place, sign = _least_two(degree, v, at)
    zero, one = splat(_F(0.0)), splat(_F(1.0))
    square = _exp(splat(_F(-2.0)) * second)
    ratio = _exp(first - second)
    both = _exp(zero - first - second)
    top, bottom = zero, one
    for j in range(degree):
        x = select(same(place, isplat(_I(j))), zero, _exp(second - magnitude(load(v, at + j))))
        store(t, 3 * j, x)
        store(t, 3 * j + 1, top)
        store(t, 3 * j + 2, bottom)
        top, bottom = fma(x, bottom, top), fma(square * x, top, bottom)
        if j % _RENORMALIZE == _RENORMALIZE - 1:
            top, bottom = top / bottom, one
    top, bottom = zero, one
    for i in range(degree):
        j = degree - 1 - i
        x, before_top, before_bottom = load(t, 3 * j), load(t, 3 * j + 1), load(t, 3 * j + 2)
        p = fma(before_top, bottom, before_bottom * top)
        q = fma(before_bottom, bottom, square * before_top * top)
        smallest = same(place, isplat(_I(j)))
        numerator = select(smallest, p, fma(ratio, p, q))
        denominator = select(smallest, q, fma(both, p, q))
        weakest = select(smallest, second, first)
        size = least(most(weakest - _log(numerator / denominator), zero), weakest)
        store(u, at + j, _signed(size, sign, load(v, at + j)))
        top, bottom = fma(x, bottom, top), fma(square * x, top, bottom)
        if i % _RENORMALIZE == _RENORMALIZE - 1:
            top, bottom = top / bottom, one


@inline
def _iterate(
    schedule: int, rule: int, factor: Any, start: Any, node: Any, p: Any, c: Any, base: Any, keep: Any,
    v: Any, u: Any, t: Any, at: int, stride: int,
) -> None:  # fmt: skip
    """One pass over all checks: posteriors p (nodes, LANES) and check messages c (edges, LANES) move on in place.

    `base` (nodes, LANES), the channel LLRs, is read by flooding alone. `keep` (1, LANES) is 0 for lanes whose stored
    messages belong to the word before, else 1. Messages to the check whose first edge is e, and its answers, are left
    in v and u from row at + stride·e on.
    """
    kept = load(keep, 0)
    for check in range(start.size - 1):
        edge = start[check]
        degree = start[check + 1] - edge
        row = at + stride * edge
        for j in range(degree):
            store(v, row + j, load(p, node[edge + j]) - kept * load(c, edge + j))
        if rule == MIN_SUM:
            _min_sum(degree, v, u, row, factor)
        else:
            _sum_product(degree, v, u, row, t)
        for j in range(degree):
            answer = load(u, row + j)
            store(c, edge + j, answer)
            if schedule == LAYERED:
                store(p, node[edge + j], load(v, row + j) + answer)
    if schedule == FLOODING:
        for i in range(base.shape[0]):
            store(p, i, load(base, i))
        for edge in range(node.size):
            store(p, node[edge], load(p, node[edge]) + load(c, edge))


@inline
def _failing(start: Any, node: Any, p: Any, bad: Any) -> None:
    """Set bad (1, LANES) negative where some check has odd parity; the sign bit of a posterior is the bit."""
    failing = isplat(_I(0))
    for check in range(start.size - 1):
        odd = isplat(_I(0))
        for edge in range(start[check], start[check + 1]):
            odd = odd ^ as_ints(load(p, node[edge]))
        failing = failing | odd
    store(bad, 0, failing)


@inline
def _is_codeword(start: Any, node: Any, word: Any) -> bool:
    """Whether every check of a word's LLRs (nodes,) is even and no bit is undecided: an erased word is no codeword."""
    for check in range(start.size - 1):
        odd = False
        for edge in range(start[check], start[check + 1]):
            odd ^= word[node[edge]] < _F(0.0)
        if odd:
            return False
    return bool(_decided(word))


@inline
def _decided(word: Any) -> bool:
    """Whether no LLR is exactly 0."""
    undecided = 0
    for i in range(word.size):
        undecided += word[i] == _F(0.0)
    return undecided == 0


@kernel
def _decode(
    start: Any, node: Any, llr: Any, schedule: int, rule: int, factor: Any, limit: int,
    posterior: Any, iterations: Any, passed: Any,
    p: Any, c: Any, base: Any, v: Any, u: Any, t: Any, bad: Any, keep: Any, word: Any, taken: Any,
) -> None:  # fmt: skip
    """Work of `decode`, on scratch arrays: `word` is the word of each lane, -1 for none."""
    words, nodes = llr.shape
    following = busy = 0
    while True:
        for lane in range(LANES):
            if word[lane] >= 0:
                now = word[lane]
                keep[0, lane] = 1.0
                taken[lane] += 1
                if bad[0, lane] < 0 and taken[lane] < limit:
                    continue
                for i in range(nodes):
                    posterior[now, i] = p[i, lane]
                valid = bad[0, lane] >= 0 and _decided(posterior[now])
                if not valid and taken[lane] < limit:
                    continue
                iterations[now], passed[now] = taken[lane], valid
                word[lane] = -1
                busy -= 1
            while following < words and _is_codeword(start, node, llr[following]):
                for i in range(nodes):
                    posterior[following, i] = llr[following, i]
                iterations[following], passed[following] = 0, True
                following += 1
            if following < words:
                word[lane], taken[lane], keep[0, lane] = following, 0, 0.0
                for i in range(nodes):
                    p[i, lane] = llr[following, i]
                for i in range(base.shape[0]):
                    base[i, lane] = llr[following, i]
                following += 1
                busy += 1
        if busy == 0:
            return
        _iterate(schedule, rule, factor, start, node, p, c, base, keep, v, u, t, 0, 0)
        _failing(start, node, p, bad)


def widest(start: Index) -> int:
    """Edges of the check that has most."""
    return int(np.diff(start).max(initial=0))


def rows(count: int) -> Floats:
    """Scratch of `count` rows of LANES, all 0; each row starts at a cache line, or most loads would touch two."""
    raw = np.zeros(count * LANES + _LINE, np.float32)
    first = -raw.ctypes.data // raw.itemsize % _LINE
    return raw[first : first + count * LANES].reshape(count, LANES)


def decode(
    start: Index, node: Index, llr: Floats, schedule: int, rule: int, factor: np.float32, limit: int,
    posterior: Floats, iterations: Index, passed: npt.NDArray[np.bool_],
) -> None:  # fmt: skip
    """Decode node LLRs llr (words, nodes) float32 on a graph with CSR rows `start`, `node` (int32).

    Fills posterior (words, nodes) float32, iterations (words,) int32 <= limit and passed (words,) bool: zero syndrome
    with every bit decided. Words that are codewords as they come take 0 iterations. Arrays are C-contiguous.
    """
    degree = widest(start)
    _decode(
        start, node, llr, schedule, rule, factor, limit, posterior, iterations, passed,
        rows(llr.shape[1]), rows(node.size), rows(llr.shape[1] * schedule),
        rows(degree), rows(degree), rows(3 * degree),
        np.zeros((1, LANES), np.int32), rows(1), np.full(LANES, -1), np.zeros(LANES, np.int32),
    )  # fmt: skip
