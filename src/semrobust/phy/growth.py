"""Regular parity-check matrices by progressive edge growth (Hu, Eleftheriou and Arnold, IEEE Trans. Inf. Theory 2005).

The edges of the Tanner graph are placed one by one, node after node. Each goes to the check that is farthest from its
node in the graph grown so far, among these to one of least degree, at random where several are left. So an edge closes
no cycle, or one as long as can be, where Gallager's construction (`phy.ldpc.regular_matrix`) lets chance decide.

Ours takes no check beyond its row weight, which makes the code regular and leaves the last nodes little choice. Where
one of them would close a cycle of four edges, the matrix is grown again, from the same stream.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from semrobust.phy.compiled import compiled
from semrobust.phy.parity import Bits
from semrobust.pipeline import seeds

_TRIES = 100


def grown_matrix(n: int, column_weight: int, row_weight: int, seed: int) -> Bits:
    """H (n · column_weight / row_weight, n) uint8, of girth 6 or more; `seed` decides all draws.

    Raises ValueError for weights without a regular code of n bits and a positive rate, and where n is too short: 100
    matrices came to a dead end.
    """
    if not 2 <= column_weight < row_weight:
        raise ValueError(
            f"weights ({column_weight}, {row_weight}): a positive rate needs 2 <= column_weight < row_weight"
        )
    if n <= 0 or n * column_weight % row_weight:
        raise ValueError(f"row_weight {row_weight} must divide the {n} · {column_weight} edges of a regular code")
    stream = seeds.generator(seed, "progressive edge growth", n, column_weight, row_weight)
    for _ in range(_TRIES):
        if (grown := _grown(n, column_weight, row_weight, stream)) is not None:
            return grown
    raise ValueError(f"n = {n} is too short for weights ({column_weight}, {row_weight}): cycles of four edges are left")


def _grown(n: int, column_weight: int, row_weight: int, stream: np.random.Generator) -> Bits | None:
    """One matrix, or None at a dead end."""
    count = n * column_weight // row_weight
    of_node = np.full((n, column_weight), -1, dtype=np.int32)  # checks of each node, -1 = no edge yet
    of_check = np.full((count, row_weight), -1, dtype=np.int32)
    degree = np.zeros(count, dtype=np.int32)
    for node in range(n):
        for edge in range(column_weight):
            far = _distances(node, of_node, of_check)
            free = np.flatnonzero((degree < row_weight) & (far > 1))
            if not free.size:
                return None
            farthest = free[far[free] == far[free].max()]
            check = stream.choice(farthest[degree[farthest] == degree[farthest].min()])
            of_node[node, edge] = check
            of_check[check, degree[check]] = node
            degree[check] += 1
    matrix = np.zeros((count, n), dtype=np.uint8)
    matrix[of_node, np.arange(n)[:, None]] = 1
    return matrix


@compiled(nogil=True)
def _distances(node: int, of_node: Any, of_check: Any) -> Any:
    """Nodes between a node and every check, int32 (checks,): 0 for its own checks, the most for those out of reach."""
    nodes, checks = len(of_node), len(of_check)
    far = np.full(checks, checks, np.int32)
    seen = np.zeros(nodes, np.bool_)
    queue, steps = np.empty(nodes, np.int32), np.empty(nodes, np.int32)
    seen[node], queue[0], steps[0] = True, node, 0
    head, tail = 0, 1
    while head < tail:
        for check in of_node[queue[head]]:
            if check < 0 or far[check] < checks:
                continue
            far[check] = steps[head]
            for other in of_check[check]:
                if other >= 0 and not seen[other]:
                    seen[other], queue[tail], steps[tail] = True, other, steps[head] + 1
                    tail += 1
        head += 1
    return far
