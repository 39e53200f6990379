"""What a set of variable nodes is, from the parity-check matrix alone: every stored set has passed through here."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from scipy import sparse

from semrobust.attacks.code.structure.sets import Flags, Index, NodeSets


@dataclass(frozen=True, eq=False)
class Classes:
    """Per set: `a` nodes and `b` odd checks, int64 (sets,); the flags of `Structure` and `connected`, bool (sets,)."""

    a: Index
    b: Index
    elementary: Flags
    absorbing: Flags
    stopping: Flags
    connected: Flags

    def take(self, which: Index) -> Classes:
        """The same for the sets `which` only."""
        return Classes(*(getattr(self, field.name)[which] for field in fields(self)))


def classify(parity_check: Any, sets: NodeSets) -> Classes:
    """Count the checks that each set touches oddly, once, and more than twice, in H (checks, nodes), dense or sparse.

    Raises ValueError for a set that is empty, names a node twice, or names one that H does not have.
    """
    graph = sparse.csr_array(parity_check).astype(np.int64)
    nodes = graph.shape[1]
    of_set = np.repeat(np.arange(len(sets)), sets.sizes)
    falling = (np.diff(sets.nodes) <= 0) & (np.diff(of_set) == 0)
    if np.any(sets.sizes == 0) or np.any(falling) or np.any((sets.nodes < 0) | (sets.nodes >= nodes)):
        raise ValueError(f"not sets of nodes 0..{nodes - 1}: one is empty, not ascending, or names another node")
    members = sets.matrix(nodes)
    touched = sparse.csr_array(members @ graph.T)  # (sets, checks): how often
    odd = touched.copy()
    odd.data %= 2
    odd.eliminate_zeros()
    odd_checks = sparse.csr_array((odd @ graph).multiply(members)).tocoo()  # (sets, nodes): of each member with any
    degrees = np.diff(graph.tocsc().indptr)
    # sets with a node that no majority of even checks holds
    loose = odd_checks.row[2 * odd_checks.data >= degrees[odd_checks.col]], of_set[degrees[sets.nodes] == 0]
    set_of_check = np.repeat(np.arange(len(sets)), np.diff(touched.indptr))
    return Classes(
        a=sets.sizes,
        b=np.diff(odd.indptr).astype(np.int64),
        elementary=_none(set_of_check[touched.data > 2], len(sets)),
        absorbing=_none(np.concatenate(loose), len(sets)),
        stopping=_none(set_of_check[touched.data == 1], len(sets)),
        connected=_components(members, graph) == 1,
    )


def _none(rows: Index, count: int) -> Flags:
    """Which of `count` sets are not named in `rows`."""
    return np.asarray(np.bincount(rows, minlength=count) == 0)


def _components(members: Any, graph: Any) -> Index:
    """Number of connected parts of each set, int64 (sets,): members and their checks, all sets side by side."""
    from scipy.sparse import csgraph  # as long to import as numba, and only a search for sets needs it

    pairs = members.tocoo()
    edges = graph.T.tocsr()[pairs.col].tocoo()  # from each member of each set to its checks
    _, check = np.unique(pairs.row[edges.row].astype(np.int64) * graph.shape[0] + edges.col, return_inverse=True)
    total = pairs.nnz + int(check.max(initial=-1)) + 1
    joined = sparse.coo_array((np.ones(edges.nnz, dtype=np.int8), (edges.row, pairs.nnz + check)), shape=(total, total))
    parts, part = csgraph.connected_components(joined, directed=False)
    owner = np.zeros(parts, dtype=np.int64)
    owner[part[: pairs.nnz]] = pairs.row
    return np.bincount(owner, minlength=members.shape[0])
