"""Girth, and all short cycles of a Tanner graph, each once.

A cycle of length 2k goes through k variable nodes and k checks, all different. It is found from its smallest variable
node, in the direction in which its first check is the smaller of that node's two.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from semrobust.attacks.code.structure.graph import Graph, Index32
from semrobust.phy.compiled import compiled

_kernel = compiled(nogil=True)


def girth(parity_check: Any) -> int:
    """Length of a shortest cycle of the Tanner graph of H (checks, nodes); 0 if there is no cycle."""
    graph = Graph.of(parity_check)
    return int(_girth(*graph.arrays))


def count_cycles(parity_check: Any, longest: int) -> dict[int, int]:
    """Numbers of cycles of length 4, 6, ... `longest`, exact: closed paths without a repeated node, each counted once.

    Their number grows about as Π (degree - 1) along the cycle, so does the time.
    """
    counts, _ = list_cycles(Graph.of(parity_check), longest, 0)
    return counts


def list_cycles(graph: Graph, longest: int, capacity: int) -> tuple[dict[int, int], dict[int, Index32]]:
    """Counts of all cycles per length up to `longest`, and the nodes of the first `capacity` ones per length.

    The nodes are int32 (cycles, length / 2) in the order in which the cycle visits them.
    """
    lengths = range(4, longest + 1, 2)
    counts, listed = {}, {}
    for length in lengths:
        rows = np.empty((capacity, length // 2), dtype=np.int32)
        counts[length] = int(_cycles(*graph.arrays, length // 2, rows))
        listed[length] = rows[: counts[length]]
    return counts, listed


@_kernel
def _girth(cs: Any, cn: Any, ns: Any, nc: Any) -> int:
    """Breadth first from every variable node; vertices are nodes, then checks."""
    nodes, checks = ns.size - 1, cs.size - 1
    least = 0
    distance = np.empty(nodes + checks, np.int32)
    parent = np.empty(nodes + checks, np.int32)
    queue = np.empty(nodes + checks, np.int32)
    for root in range(nodes):
        distance[:] = -1
        distance[root], parent[root] = 0, -1
        queue[0], head, tail = root, 0, 1
        while head < tail:
            x = queue[head]
            head += 1
            if least and 2 * distance[x] + 1 >= least:
                break
            first, last = (ns[x], ns[x + 1]) if x < nodes else (cs[x - nodes], cs[x - nodes + 1])
            for e in range(first, last):
                y = nc[e] + nodes if x < nodes else cn[e]
                if distance[y] < 0:
                    distance[y], parent[y] = distance[x] + 1, x
                    queue[tail] = y
                    tail += 1
                elif parent[x] != y:
                    length = distance[x] + distance[y] + 1
                    if least == 0 or length < least:
                        least = length
    return least


@_kernel
def _cycles(cs: Any, cn: Any, ns: Any, nc: Any, k: int, out: Any) -> int:
    """Count the cycles through k variable nodes; write the nodes of the first ones to `out` (capacity, k)."""
    nodes, checks = ns.size - 1, cs.size - 1
    unknown = (k + 1) // 2 + 1
    far = np.full(nodes, unknown, np.int32)  # steps from a node to the root over nodes above it, at least
    queue = np.empty(nodes, np.int32)
    used = np.zeros(checks, np.bool_)
    on_path = np.zeros(nodes, np.bool_)
    path = np.zeros(k, np.int32)
    edge = np.zeros(k, np.int32)  # at each node of the path: its check under way, and the node there that is next
    over = np.zeros(k, np.int32)
    count = 0
    for root in range(nodes):
        far[root] = 0
        queue[0], head, tail = root, 0, 1
        while head < tail:
            x = queue[head]
            head += 1
            if 2 * far[x] >= k:  # who is further away is `unknown` steps away, or more
                break
            for e in range(ns[x], ns[x + 1]):
                for f in range(cs[nc[e]], cs[nc[e] + 1]):
                    y = cn[f]
                    if y > root and far[y] == unknown:
                        far[y] = far[x] + 1
                        queue[tail] = y
                        tail += 1
        depth = 0
        path[0], on_path[root] = root, True
        edge[0] = ns[root]
        over[0] = -1
        while depth >= 0:
            x = path[depth]
            if edge[depth] == ns[x + 1]:
                on_path[x] = False
                depth -= 1
                if depth >= 0:
                    used[nc[edge[depth]]] = False
                    over[depth] += 1
                continue
            c = nc[edge[depth]]
            if over[depth] < 0:
                if used[c]:
                    edge[depth] += 1
                    continue
                over[depth] = cs[c]
            if over[depth] == cs[c + 1]:
                over[depth] = -1
                edge[depth] += 1
                continue
            y = cn[over[depth]]
            if depth == k - 1:
                if y == root and nc[edge[0]] < c:
                    if count < out.shape[0]:
                        out[count] = path
                    count += 1
            elif y > root and not on_path[y] and far[y] < k - depth:
                used[c] = True
                depth += 1
                path[depth], on_path[y] = y, True
                edge[depth], over[depth] = ns[y], -1
                continue
            over[depth] += 1
        for i in range(tail):
            far[queue[i]] = unknown
    return count
