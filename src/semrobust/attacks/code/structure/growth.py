"""Search by growth: trapping sets that contain a short cycle, reached one node at a time. Not exhaustive.

After Karimi and Banihashemi (IEEE Trans. Inf. Theory 58(11), 2012): start from all short cycles and add nodes that
touch the set, as long as few checks are odd. A node that meets an odd check makes it even, so one with several such
checks lowers their number; a node with a single one raises it at degree 3, but opens the way for the next (paths,
Hashemi and Banihashemi 2016), and lowers it at degree 1, which parity nodes of 5G codes have.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from semrobust.attacks.code.structure.graph import Graph, Index32
from semrobust.phy.compiled import compiled
from semrobust.pipeline import seeds

Hashes = npt.NDArray[np.uint64]

_SLACK = 2

_kernel = compiled(nogil=True)


def on_the_way(odd: int, longest: int) -> int:
    """Odd checks that a set may have while it grows: more than those wanted, and at least as many as a cycle.

    A cycle of k nodes of degree 3 without a chord has k; `longest` is the largest k to start from.
    """
    return max(odd + _SLACK, longest)


def grow(
    graph: Graph, starts: dict[int, Index32], size: int, odd: int, width: int, seed: int
) -> tuple[dict[tuple[int, int], Index32], set[tuple[int, int]]]:
    """Sets of at most `size` nodes and `odd` odd checks, per class (a, b), int32 (sets, a); and the classes cut.

    `starts` are node sets by size, here those of cycles. At most `width` sets of a class (a, b) grow on; a class with
    more is cut to the first by a hash of its nodes, drawn by `seed`, so that no part of the graph is preferred.
    """
    limit = on_the_way(odd, max(starts, default=0))
    names = seeds.generator(seed, "growth").integers(2**64, size=graph.nodes, dtype=np.uint64)  # a set has the sum
    classes: dict[tuple[int, int], Index32] = {}
    cut: set[tuple[int, int]] = set()
    grown = np.empty((0, 0), dtype=np.int32)
    for a in range(1, size + 1):
        level = np.concatenate([part for part in (grown, starts.get(a)) if part is not None and part.shape[1] == a]
                               or [np.empty((0, a), dtype=np.int32)])  # fmt: skip
        level, b = _distinct(graph, level, names, limit)
        kept = []
        for value in np.unique(b):
            members = level[b == value]
            if len(members) > width:
                members = members[:width]
                cut.add((a, int(value)))
            if value <= odd:
                classes[a, int(value)] = np.sort(members, axis=1)
            kept.append(members)
        grown = np.empty((0, a + 1), dtype=np.int32)
        if kept and a < size:
            grown = _extend(graph, np.concatenate(kept), limit)
    return classes, cut


def _distinct(graph: Graph, sets: Index32, names: Hashes, odd: int) -> tuple[Index32, Index32]:
    """The different ones of `sets` with at most `odd` odd checks, in the order of their hashes, and these numbers."""
    if not len(sets):
        return sets, np.empty(0, dtype=np.int32)
    _, first = np.unique(names[sets].sum(axis=1, dtype=np.uint64), return_index=True)
    sets = sets[first]
    b = _odd(*graph.arrays, sets)
    return sets[b <= odd], b[b <= odd]


def _extend(graph: Graph, sets: Index32, odd: int) -> Index32:
    """All sets of one node more that touches the set, with at most `odd` odd checks; the same set may come often."""
    capacity = 16 * len(sets)
    while True:
        out = np.empty((capacity, sets.shape[1] + 1), dtype=np.int32)
        count = int(_children(*graph.arrays, sets, odd, out))
        if count <= capacity:
            return out[:count]
        capacity = count


@_kernel
def _odd(cs: Any, cn: Any, ns: Any, nc: Any, sets: Any) -> Any:
    """Number of odd checks of each set, int32 (sets,)."""
    touched = np.zeros(cs.size - 1, np.int32)
    result = np.zeros(len(sets), np.int32)
    for s in range(len(sets)):
        for v in sets[s]:
            for e in range(ns[v], ns[v + 1]):
                touched[nc[e]] ^= 1
        odd = 0
        for v in sets[s]:
            for e in range(ns[v], ns[v + 1]):
                odd += touched[nc[e]]
                touched[nc[e]] = 0
        result[s] = odd
    return result


@_kernel
def _children(cs: Any, cn: Any, ns: Any, nc: Any, sets: Any, odd: int, out: Any) -> int:
    """Write each set with one more node to `out` as long as there is room; returns how many there are."""
    nodes, a = ns.size - 1, sets.shape[1]
    touched = np.zeros(cs.size - 1, np.int32)
    seen = np.full(nodes, -1, np.int32)
    count = 0
    for s in range(len(sets)):
        b = 0
        for v in sets[s]:
            seen[v] = s
            for e in range(ns[v], ns[v + 1]):
                c = nc[e]
                b += 1 if touched[c] % 2 == 0 else -1
                touched[c] += 1
        for v in sets[s]:
            for e in range(ns[v], ns[v + 1]):
                c = nc[e]
                for f in range(cs[c], cs[c + 1]):
                    w = cn[f]
                    if seen[w] != s:
                        seen[w] = s
                        after = b
                        for h in range(ns[w], ns[w + 1]):
                            after += 1 if touched[nc[h]] % 2 == 0 else -1
                        if after <= odd:
                            if count < len(out):
                                out[count, :a] = sets[s]
                                out[count, a] = w
                            count += 1
        for v in sets[s]:
            for e in range(ns[v], ns[v + 1]):
                touched[nc[e]] = 0
    return count
