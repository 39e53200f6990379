"""The definitions, written out: every subset of nodes of a tiny code is looked at. Shares nothing with the package."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, permutations

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.uint8]

HAMMING: Matrix = np.array([[1, 0, 1, 0, 1, 0, 1], [0, 1, 1, 0, 0, 1, 1], [0, 0, 0, 1, 1, 1, 1]], dtype=np.uint8)


@dataclass(frozen=True)
class Described:
    nodes: tuple[int, ...]
    b: int
    elementary: bool
    absorbing: bool
    stopping: bool
    connected: bool


def describe(matrix: Matrix, nodes: tuple[int, ...]) -> Described:
    """What a set of nodes is, check by check and node by node."""
    touched = {c: [v for v in nodes if matrix[c, v]] for c in range(len(matrix))}
    odd = {c for c, members in touched.items() if len(members) % 2 == 1}
    absorbing = True
    for v in nodes:
        checks = [c for c in touched if matrix[c, v]]
        bad = sum(c in odd for c in checks)
        absorbing &= len(checks) - bad > bad
    reached, new = {nodes[0]}, [nodes[0]]
    while new:
        v = new.pop()
        for members in touched.values():
            if v in members:
                new += [w for w in members if w not in reached]
                reached |= set(members)
    return Described(
        nodes,
        len(odd),
        all(len(members) <= 2 for members in touched.values()),
        absorbing,
        all(len(members) != 1 for members in touched.values()),
        reached == set(nodes),
    )


def every_set(matrix: Matrix, size: int) -> Iterator[Described]:
    """All sets of at most `size` nodes."""
    for a in range(1, size + 1):
        for nodes in combinations(range(matrix.shape[1]), a):
            yield describe(matrix, nodes)


def cycles(matrix: Matrix, length: int) -> int:
    """Number of cycles, from all ways to order k nodes and k checks around them."""
    k = length // 2
    found = set()
    for nodes in permutations(range(matrix.shape[1]), k):
        if nodes[0] != min(nodes):
            continue
        for checks in permutations(range(len(matrix)), k):
            if all(matrix[checks[i], nodes[i]] and matrix[checks[i], nodes[(i + 1) % k]] for i in range(k)):
                found.add(frozenset((nodes[i], checks[j % k]) for i in range(k) for j in (i, i - 1)))
    return len(found)


def tiny(nodes: int, checks: int, column_weight: int, seed: int, ones: int = 0) -> Matrix:
    """A random matrix whose columns have this weight; the first `ones` columns have weight 1."""
    generator = np.random.default_rng(seed)
    matrix = np.zeros((checks, nodes), dtype=np.uint8)
    for v in range(nodes):
        matrix[generator.choice(checks, 1 if v < ones else column_weight, replace=False), v] = 1
    return matrix


CODES: dict[str, Matrix] = {
    "hamming": HAMMING,
    "(2,4)": tiny(12, 6, 2, 1),
    "(3,6)": tiny(14, 7, 3, 2),
    "sparse (3,6)": tiny(14, 10, 3, 5),
    "irregular": tiny(13, 9, 4, 3, ones=4),
    "a node without checks": np.hstack([tiny(9, 6, 2, 4), np.zeros((6, 1), dtype=np.uint8)]),
}
