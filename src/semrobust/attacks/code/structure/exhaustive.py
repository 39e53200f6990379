"""Exact search: every connected set of a kind up to a size, each found once, by branch and bound.

A set grows from its first node. A check that a set of the wanted kind must not leave as it is stays *open*: touched an
odd number of times, or, for stopping sets, touched once. The search takes an open check and decides what the final set
does there: it has one more of the check's nodes (one branch for each; nodes tried before are out), or it has none, and
the check stays odd for good (*kept*; there are at most `odd` of these). With no check open the set is one of
those wanted, and grows on by any node next to it. So each set is reached by exactly one path of decisions.

A branch is cut when the nodes still to come cannot close enough open checks. A node closes at most the open checks that
it touches now, so the sum of the largest such counts bounds what the remaining nodes can do. Nothing else is
cut: what a finished search did not find does not exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from semrobust.attacks.code.structure.graph import Graph, Index32
from semrobust.phy.compiled import compiled

TRAPPING, ABSORBING, STOPPING = "trapping", "absorbing", "stopping"

_kernel = compiled(nogil=True)
_inline = compiled(None, inline="always")  # a third faster than calls, for what happens at every branch

_FREE, _IN, _OUT = 0, 1, 2  # what a node is at this point of the search
_NOTHING, _KEEP = -1, -2  # what a decision tries, if not a node
_ANY = -1  # a decision about no check: any node next to the set may come


@dataclass(frozen=True)
class Found:
    """What a search found: `rows` int32 (sets, size) padded with -1; `complete` says that there are no others."""

    rows: Index32
    complete: bool
    branches: int


def search(graph: Graph, kind: str, size: int, odd: int, budget: int, capacity: int) -> Found:
    """All connected sets of `kind` with at most `size` nodes and at most `odd` odd checks (0 for stopping sets).

    `trapping`: any set; `absorbing`: each node has more even than odd checks (Dolecek et al. 2010);
    `stopping`: no check is touched once, however many are odd. The search ends unfinished after `budget` branches or
    `capacity` sets.
    """
    degrees = graph.degrees
    keep = {
        TRAPPING: degrees,
        ABSORBING: (degrees - 1) // 2,  # of d checks fewer than d/2 may stay odd
        STOPPING: np.zeros_like(degrees),
    }[kind].astype(np.int32)
    if kind == ABSORBING:
        keep[degrees == 0] = -1  # nothing holds such a node
    # nodes of many checks first: once they have been tried they are out, and what remains is sparser
    order = np.lexsort((np.arange(graph.nodes), -degrees)).astype(np.int32)
    rows = np.empty((capacity, size), dtype=np.int32)
    count, branches = _search(graph.arrays, order, keep, size, odd, kind == STOPPING, budget, rows)
    return Found(rows[: min(count, capacity)], count <= capacity and branches <= budget, branches)


def deepen(graph: Graph, kind: str, size: int, odd: int, budget: int, capacity: int) -> tuple[Found, int]:
    """The largest finished search of at most `size` nodes that `budget` branches allow, and its size, 0 if none is.

    Sizes are tried one after the other. The next one takes up to three times as many branches (measured on regular and
    5G codes), and is not begun if they are not left: which sizes are finished does not depend on the machine.
    """
    best, done, left, last = Found(np.empty((0, size), dtype=np.int32), True, 0), 0, budget, 0
    for tried in range(1, size + 1):
        if 3 * last > left:
            break
        found = search(graph, kind, tried, odd, left, capacity)
        left, last = left - found.branches, found.branches
        if not found.complete:
            break
        best, done = found, tried
    return best, done


@_inline
def _is_open(touched: int, kept: bool, stopping: bool) -> bool:
    return touched == 1 if stopping else touched % 2 == 1 and not kept


@_inline
def _turn(c: int, now_open: bool, graph: Any, board: Any, n_open: int) -> int:
    """Open or close check c: list it or not, and recount what its free nodes close; returns how many are open."""
    check_start, check_nodes, _, _ = graph
    state, closes, histogram, _, _, opened, place = board
    if now_open:
        opened[n_open], place[c] = c, n_open
    else:
        last = opened[n_open - 1]
        opened[place[c]], place[last] = last, place[c]
    by = 1 if now_open else -1
    for e in range(check_start[c], check_start[c + 1]):
        w = check_nodes[e]
        if state[w] == _FREE:
            histogram[closes[w]] -= 1
            histogram[closes[w] + by] += 1
        closes[w] += by
    return n_open + by


@_inline
def _touch(v: int, by: int, stopping: bool, graph: Any, board: Any, n_open: int) -> int:
    """Node v joins the set (by = 1) or leaves it (-1); returns how many checks are open then."""
    _, _, node_start, node_checks = graph
    _, _, _, touched, kept, _, _ = board
    for e in range(node_start[v], node_start[v + 1]):
        c = node_checks[e]
        before = _is_open(touched[c], kept[c], stopping)
        touched[c] += by
        after = _is_open(touched[c], kept[c], stopping)
        if before != after:
            n_open = _turn(c, after, graph, board, n_open)
    return n_open


@_inline
def _keep(c: int, by: int, graph: Any, state: Any, keeps: Any) -> None:
    """Check c is kept (by = 1) or no longer (-1): its nodes in the set have one kept check more or less."""
    check_start, check_nodes, _, _ = graph
    for e in range(check_start[c], check_start[c + 1]):
        if state[check_nodes[e]] == _IN:
            keeps[check_nodes[e]] += by


@_kernel
def _may_keep(c: int, graph: Any, state: Any, keeps: Any, keep: Any) -> bool:
    check_start, check_nodes, _, _ = graph
    for e in range(check_start[c], check_start[c + 1]):
        v = check_nodes[e]
        if state[v] == _IN and keeps[v] >= keep[v]:
            return False
    return True


@_kernel
def _hopeless(
    chosen: Any, left: int, spare: int, graph: Any, board: Any, keeps: Any, keep: Any, n_open: int
) -> bool:  # fmt: skip
    """Whether `left` more nodes cannot close the open checks, of which `spare` may still be kept."""
    _, _, node_start, node_checks = graph
    _, _, histogram, touched, kept, _, _ = board
    must, by_node = n_open - spare, 0
    for v in chosen:  # each node may keep only so many: of its checks that are its own, the others must close
        own = 0
        for e in range(node_start[v], node_start[v + 1]):
            c = node_checks[e]
            if touched[c] == 1 and not kept[c]:
                own += 1
        by_node += max(0, own - (keep[v] - keeps[v]))
    must = max(must, by_node)
    closable, each = 0, histogram.size - 1
    while each > 0 and left > 0 and closable < must:
        nodes = min(left, histogram[each])
        closable += nodes * each
        left -= nodes
        each -= 1
    return closable < must


@_kernel
def _next_to(chosen: Any, graph: Any, state: Any, marks: Any, stamp: int, out: Any) -> int:
    """Write the free nodes that share a check with the set to `out`; returns how many there are."""
    check_start, check_nodes, node_start, node_checks = graph
    count = 0
    for v in chosen:
        for e in range(node_start[v], node_start[v + 1]):
            c = node_checks[e]
            for f in range(check_start[c], check_start[c + 1]):
                w = check_nodes[f]
                if state[w] == _FREE and marks[w] != stamp:
                    marks[w] = stamp
                    out[count] = w
                    count += 1
    return count


@_kernel
def _narrowest(n_open: int, graph: Any, board: Any, out: Any) -> tuple[int, int]:
    """The open check with the fewest free nodes, and how many; writes them to `out`."""
    check_start, check_nodes, _, _ = graph
    state, _, _, _, _, opened, _ = board
    best, fewest = -1, len(state) + 1
    for i in range(n_open):
        free = 0
        for e in range(check_start[opened[i]], check_start[opened[i] + 1]):
            free += state[check_nodes[e]] == _FREE
        if free < fewest:
            best, fewest = opened[i], free
    count = 0
    for e in range(check_start[best], check_start[best + 1]):
        if state[check_nodes[e]] == _FREE:
            out[count] = check_nodes[e]
            count += 1
    return best, count


@_kernel
def _search(
    graph: Any, order: Any, keep: Any, size: int, odd: int, stopping: bool, budget: int, out: Any
) -> tuple[int, int]:
    """Write the sets found to `out` (capacity, size), padded with -1; returns how many there are, and the branches."""
    check_start, _, node_start, _ = graph
    nodes, checks = len(node_start) - 1, len(check_start) - 1
    state = np.full(nodes, _FREE, np.int8)
    closes = np.zeros(nodes, np.int32)  # open checks that each node touches
    histogram = np.zeros(np.diff(node_start).max() + 2, np.int64)  # how many free nodes close 0, 1, 2, ... open checks
    histogram[0] = nodes
    touched, kept = np.zeros(checks, np.int32), np.zeros(checks, np.bool_)
    opened, place = np.zeros(checks, np.int32), np.zeros(checks, np.int32)  # the open checks; where each stands there
    board = (state, closes, histogram, touched, kept, opened, place)
    keeps = np.zeros(nodes, np.int32)  # kept checks of each node of the set
    chosen, marks = np.zeros(size, np.int32), np.zeros(nodes, np.int64)
    n_open, n_chosen, n_kept, count, branches = 0, 0, 0, 0, 0
    # one frame per decision: the check it is about, the nodes that may come, the next of them, and what is being tried
    frames = size + odd + 2
    about, options = np.full(frames, _ANY, np.int32), np.zeros((frames, nodes), np.int32)
    n_options, at, trying = np.zeros(frames, np.int32), np.zeros(frames, np.int32), np.full(frames, _NOTHING, np.int32)
    options[0], n_options[0], depth = order, nodes, 0
    while depth >= 0:
        c = about[depth]
        if trying[depth] >= 0:  # take back what was tried last: that node is out for the rest of this decision
            n_open = _touch(trying[depth], -1, stopping, graph, board, n_open)
            n_chosen -= 1
            state[trying[depth]] = _OUT
        elif trying[depth] == _KEEP:
            _keep(c, -1, graph, state, keeps)
            kept[c] = False
            n_kept -= 1
            n_open = _turn(c, True, graph, board, n_open)
        last = trying[depth] == _KEEP
        trying[depth] = _NOTHING
        if at[depth] < n_options[depth] and n_chosen < size:
            v = options[depth, at[depth]]
            at[depth] += 1
            trying[depth], state[v], chosen[n_chosen] = v, _IN, v
            histogram[closes[v]] -= 1
            n_chosen += 1
            n_open = _touch(v, 1, stopping, graph, board, n_open)
        elif c != _ANY and not last and n_kept < odd and _may_keep(c, graph, state, keeps, keep):
            trying[depth], kept[c] = _KEEP, True
            n_kept += 1
            _keep(c, 1, graph, state, keeps)
            n_open = _turn(c, False, graph, board, n_open)
        else:  # all has been tried: the nodes are free again
            for v in options[depth, : n_options[depth]]:
                if state[v] == _OUT:
                    state[v] = _FREE
                    histogram[closes[v]] += 1
            depth -= 1
            continue
        branches += 1
        if branches > budget:
            break
        if _hopeless(chosen[:n_chosen], size - n_chosen, odd - n_kept, graph, board, keeps, keep, n_open):
            continue
        if n_open > 0:
            about[depth + 1], n_options[depth + 1] = _narrowest(n_open, graph, board, options[depth + 1])
        else:
            if np.all(keeps[chosen[:n_chosen]] <= keep[chosen[:n_chosen]]):
                if count == len(out):
                    return count + 1, branches
                out[count, :n_chosen] = chosen[:n_chosen]
                out[count, n_chosen:] = -1
                count += 1
            if n_chosen == size:
                continue
            about[depth + 1] = _ANY
            n_options[depth + 1] = _next_to(chosen[:n_chosen], graph, state, marks, branches, options[depth + 1])
        depth += 1
        at[depth], trying[depth] = 0, _NOTHING
    return count, branches
