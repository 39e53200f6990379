"""The Tanner graph in the form that the searches walk on: neighbours of every check and of every variable node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

Index32 = npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Graph:
    """Neighbours in CSR form, int32, ascending: check c touches `check_nodes[check_start[c]:check_start[c + 1]]`.

    Node v lies on the checks `node_checks[node_start[v]:node_start[v + 1]]`.
    """

    check_start: Index32
    check_nodes: Index32
    node_start: Index32
    node_checks: Index32

    @classmethod
    def of(cls, parity_check: Any) -> Graph:
        """Graph of H (checks, nodes), dense or sparse, with entries 0 and 1.

        Raises ValueError if H is no matrix of 0 and 1.
        """
        rows = sparse.csr_array(parity_check)
        rows.sum_duplicates()
        rows.eliminate_zeros()
        if rows.ndim != 2 or np.any(rows.data != 1):
            raise ValueError("a parity-check matrix has two dimensions and no entries but 0 and 1")
        rows.sort_indices()
        columns = rows.T.tocsr()
        columns.sort_indices()
        return cls(*(part.astype(np.int32) for part in (rows.indptr, rows.indices, columns.indptr, columns.indices)))

    @property
    def arrays(self) -> tuple[Index32, Index32, Index32, Index32]:
        """The four arrays, in the order in which the kernels take them."""
        return self.check_start, self.check_nodes, self.node_start, self.node_checks

    @property
    def nodes(self) -> int:
        """Number of variable nodes."""
        return self.node_start.size - 1

    @property
    def checks(self) -> int:
        """Number of checks."""
        return self.check_start.size - 1

    @property
    def degrees(self) -> Index32:
        """Number of checks of each variable node, int32 (nodes,)."""
        return np.diff(self.node_start)
