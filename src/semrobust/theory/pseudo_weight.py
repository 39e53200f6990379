"""Least pseudo-weight of linear-programming decoding: what the relaxed receiver of a code withstands without noise.

Linear-programming decoding (Feldman, Wainwright, Karger 2005) fails on the all-zero word, sent as ones over BPSK or
QPSK, when some ω of the fundamental cone has <1 + s, ω> <= 0. The cheapest such s lies along -ω, so the least ||s||²
over all attacks is the least AWGN pseudo-weight

    w(ω) = (Σ ω)² / Σ ω²,    over ω >= 0 with ω_i <= Σ_{l ≠ i} ω_l in each check (Koetter, Vontobel 2003).

Codewords lie in the cone with their Hamming weights, so w is at most the minimum distance, which is what a receiver of
maximum likelihood withstands. The code is linear: the value holds for every codeword. The minimum is not convex. Found
from above by a linear program per bit (HiGHS), the largest ω_i at Σ ω = 1, and from its solutions on by programs whose
objective is the last solution. Proved from below, the largest of

- 1 / max <u, ω>, where u_i bounds ω_i: Σ ω² <= <u, ω>. Each maximum is taken from the program's *dual*, which is a
  bound whatever the solver's tolerances are;
- the tree bound of Kelley, Sridhara, Xu, Rosenthal (2004), from girth and least degree.

Punctured bits weigh nothing and would make the program unbounded: codes with them are left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.optimize import linprog

from semrobust.phy.ldpc import LdpcCode

Values = npt.NDArray[np.float64]

_STARTS, _STEPS = 8, 20  # solutions that the search goes on from, and programs from each


@dataclass(frozen=True)
class PseudoWeight:
    """`found` an upper and `proved` a lower bound on the least pseudo-weight; `programs` per bit that were solved."""

    found: float
    proved: float
    programs: int


def transmits_all(code: LdpcCode) -> bool:
    """Whether each node of the graph is sent, once."""
    return code.nodes == code.n


def pseudo_weight(code: LdpcCode, girth: int, bits: int | None = None) -> PseudoWeight:
    """Bounds for a code; `bits` limits the programs to the first ones, and then only the tree bound is proved.

    `girth` of its graph, 0 without cycles. ValueError for a code that does not send all of its nodes.
    """
    if not transmits_all(code):
        raise ValueError(f"{code.nodes - code.n} punctured bits: the pseudo-weight is that of the bits that are sent")
    cone, chosen = _cone(code), range(code.n if bits is None else min(bits, code.n))
    solved = [_largest(cone, _unit(code.n, bit)) for bit in chosen]
    weights = [_weight(solution) for solution, _ in solved]
    order = np.argsort(weights, kind="stable")[:_STARTS]
    found = min(_descended(cone, solved[int(start)][0]) for start in order)
    proved = tree_bound(girth, int(code.parity_check.sum(axis=0).min()))
    if len(solved) == code.n:
        _, most = _largest(cone, np.array([bound for _, bound in solved]))
        proved = max(proved, 1 / most)
    return PseudoWeight(found, min(proved, found), len(solved))


def tree_bound(girth: int, degree: int) -> float:
    """Least pseudo-weight of any graph of this girth whose bits have at least this degree; 1 without cycles."""
    if girth < 4 or degree < 2:
        return 1.0
    half = girth // 2
    full = range((half - 1) // 2 if half % 2 else half // 2 - 1)
    weight = 1 + sum(degree * (degree - 1) ** level for level in full)
    return float(weight if half % 2 else weight + (degree - 1) ** (half // 2 - 1))


def _cone(code: LdpcCode) -> sparse.csr_array:
    """Rows a with <a, ω> <= 0, one per edge of the graph."""
    checks, nodes = code.parity_check.nonzero()
    edges = np.arange(len(nodes))
    own = sparse.csr_array((np.full(len(nodes), 2.0), (edges, nodes)), shape=(len(nodes), code.nodes))
    return sparse.csr_array(own - code.parity_check.astype(float)[checks])


def _largest(cone: sparse.csr_array, objective: Values) -> tuple[Values, float]:
    """A solution ω of max <objective, ω> at Σ ω = 1 in the cone, and a bound on it that the duals prove."""
    ones = np.ones((1, cone.shape[1]))
    solved = linprog(-objective, A_ub=cone, b_ub=np.zeros(cone.shape[0]), A_eq=ones, b_eq=[1.0], method="highs")
    if solved.status != 0:
        raise ValueError(f"the linear program of a pseudo-weight was not solved: {solved.message}")
    duals = np.maximum(-solved.ineqlin.marginals, 0.0)
    return np.maximum(solved.x, 0.0), float((objective - cone.T @ duals).max()) * (1 + 1e-12)


def _descended(cone: sparse.csr_array, solution: Values) -> float:
    """The pseudo-weight after steps that lower it: Σ ω² is convex, so its tangent's maximum is no smaller."""
    weight = _weight(solution)
    for _ in range(_STEPS):
        solution, _ = _largest(cone, solution)
        if (lower := _weight(solution)) >= weight * (1 - 1e-9):
            break
        weight = lower
    return weight


def _weight(solution: Values) -> float:
    return float(solution.sum() ** 2 / (solution**2).sum())


def _unit(length: int, place: int) -> Values:
    unit = np.zeros(length)
    unit[place] = 1.0
    return unit
