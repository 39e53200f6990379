"""What an analysis of a code's structure gives: sets of variable nodes, what each of them is, and what was searched."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from semrobust.config.settings import Plain
from semrobust.errors import ArtifactError
from semrobust.phy.ldpc import LdpcCode

Index = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

KINDS = ("cycle", "trapping_set", "absorbing_set", "stopping_set", "codeword")


@dataclass(frozen=True, eq=False)
class NodeSets:
    """Sets of variable nodes: set i is `nodes[indptr[i]:indptr[i + 1]]`, ascending. Both arrays are int64."""

    indptr: Index
    nodes: Index

    @classmethod
    def of(cls, sets: Sequence[npt.ArrayLike]) -> NodeSets:
        """Container of these sets, each any sequence of node numbers without repetition."""
        parts = [np.sort(np.asarray(nodes, dtype=np.int64)) for nodes in sets]
        indptr = np.cumsum([0, *(len(nodes) for nodes in parts)], dtype=np.int64)
        return cls(indptr, np.concatenate([np.empty(0, dtype=np.int64), *parts]))

    @classmethod
    def from_rows(cls, rows: npt.NDArray[Any]) -> NodeSets:
        """Container of the rows of an integer array (sets, width) in which -1 fills up rows of smaller sets."""
        rows = np.sort(rows.astype(np.int64), axis=1)
        present = rows >= 0
        return cls(np.concatenate([[0], np.cumsum(present.sum(axis=1))]).astype(np.int64), rows[present])

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def __getitem__(self, index: int) -> Index:
        if not -len(self) <= index < len(self):
            raise IndexError(f"set {index} of {len(self)}")
        index %= len(self)
        return self.nodes[self.indptr[index] : self.indptr[index + 1]]

    def __iter__(self) -> Iterator[Index]:
        return (self[index] for index in range(len(self)))

    @property
    def sizes(self) -> Index:
        """Number of nodes of each set, int64 (sets,)."""
        return np.diff(self.indptr)

    def rows(self, width: int | None = None) -> Index:
        """The sets as rows of an array int64 (sets, width), filled up with -1; as wide as the largest set if None."""
        sizes = self.sizes
        rows = np.full((len(self), int(sizes.max(initial=0)) if width is None else width), -1, dtype=np.int64)
        rows[np.arange(rows.shape[1]) < sizes[:, None]] = self.nodes
        return rows

    def matrix(self, nodes: int) -> sparse.csr_array[Any, tuple[int, int]]:
        """Membership as a sparse matrix int64 (sets, nodes) of 0 and 1."""
        ones = np.ones(self.nodes.size, dtype=np.int64)
        return sparse.csr_array((ones, self.nodes, self.indptr), shape=(len(self), nodes))

    @classmethod
    def union(cls, parts: Sequence[NodeSets]) -> NodeSets:
        """All different sets of these containers but the empty one, sorted by size, then by nodes."""
        found = []
        for size in sorted({int(size) for part in parts for size in part.sizes} - {0}):
            rows = [part.nodes[np.repeat(part.sizes == size, part.sizes)].reshape(-1, size) for part in parts]
            found.append(np.unique(np.concatenate(rows), axis=0))
        sizes = np.concatenate([np.empty(0, dtype=np.int64), *(np.full(len(rows), rows.shape[1]) for rows in found)])
        nodes = np.concatenate([np.empty(0, dtype=np.int64), *(rows.ravel() for rows in found)])
        return cls(np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64), nodes)

    def take(self, which: npt.NDArray[Any]) -> NodeSets:
        """The sets that `which` selects, by position or by bool (sets,), in that order."""
        which = np.arange(len(self))[which]
        sizes = self.sizes[which]
        indptr = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        inside = np.arange(indptr[-1]) - np.repeat(indptr[:-1], sizes)
        return NodeSets(indptr, self.nodes[np.repeat(self.indptr[which], sizes) + inside])


@dataclass(frozen=True)
class Tally:
    """How many sets of a class there are: `kind` of `KINDS`, `a` nodes, `b` odd checks, `weight` transmitted nodes.

    `b` counts only for trapping and absorbing sets and `weight` only for codewords; they are -1 elsewhere. `found` sets
    were found, `kept` of them are stored; `complete` means that the search proves that there are no others. A cycle of
    length 2a has a nodes. Sets with b = 0 count as codewords and as nothing else.
    """

    kind: str
    a: int
    b: int
    weight: int
    found: int
    kept: int
    complete: bool


@dataclass(frozen=True, eq=False)
class Structure:
    """Short cycles and harmful sets of a code. All sets are connected in the Tanner graph.

    Per set, in the order (a, b, nodes): `a` nodes, of which `weight` are transmitted, touch `b` checks an odd number of
    times, all int64 (sets,). Bool (sets,): `elementary`: no check is touched more than twice; `absorbing`: each node
    has more even than odd checks; `stopping`: no check is touched once. A set with b = 0 is the support of a codeword.

    Attributes:
        girth: length of a shortest cycle, 0 without cycles.
        spectrum: how many sets were found of which class, complete or not; empty classes are listed if that is proven.
        scope: what the search covered and what it did not, in words and numbers.
    """

    girth: int
    sets: NodeSets
    a: Index
    b: Index
    weight: Index
    elementary: Flags
    absorbing: Flags
    stopping: Flags
    spectrum: tuple[Tally, ...]
    scope: Plain

    @property
    def codeword(self) -> Flags:
        """Which sets are supports of codewords, bool (sets,)."""
        return np.asarray(self.b == 0)

    @property
    def cycles(self) -> dict[int, int]:
        """Exact number of cycles per length."""
        return {2 * tally.a: tally.found for tally in self.spectrum if tally.kind == "cycle"}

    def channel_bits(self, code: LdpcCode, which: npt.NDArray[Any] | None = None) -> NodeSets:
        """The sets (those that `which` selects) as positions 0..n-1 in the transmitted word of `code`.

        Punctured nodes drop out, so a set may become smaller (`weight`), even empty.
        """
        sets = self.sets if which is None else self.sets.take(which)
        column = np.full(code.nodes, -1, dtype=np.int64)
        column[code.channel_nodes] = np.arange(code.n)
        rows = sets.rows()
        return NodeSets.from_rows(np.where(rows >= 0, column[rows], -1))

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Plain numeric arrays for storage; inverse of `from_arrays`."""
        arrays = {name: getattr(self, name) for name in _PER_SET}
        kinds = [(KINDS.index(t.kind), t.a, t.b, t.weight, t.found, t.kept, int(t.complete)) for t in self.spectrum]
        return arrays | {
            "indptr": self.sets.indptr,
            "nodes": self.sets.nodes,
            "girth": np.array([self.girth], dtype=np.int64),
            "spectrum": np.array(kinds, dtype=np.int64).reshape(-1, len(fields(Tally))),
            "scope": np.frombuffer(json.dumps(self.scope).encode(), dtype=np.uint8).copy(),
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, npt.NDArray[Any]]) -> Structure:
        """Inverse of `to_arrays`; raises ArtifactError if arrays are missing or do not fit together."""
        try:
            sets = NodeSets(arrays["indptr"], arrays["nodes"])
            per_set = {name: arrays[name] for name in _PER_SET}
            if any(len(values) != len(sets) for values in per_set.values()) or sets.indptr[-1] != len(sets.nodes):
                raise ValueError("arrays of different lengths")
            spectrum = tuple(
                Tally(KINDS[kind], a, b, weight, found, kept, bool(complete))
                for kind, a, b, weight, found, kept, complete in arrays["spectrum"].tolist()
            )
            scope = json.loads(arrays["scope"].tobytes())
            return cls(girth=int(arrays["girth"][0]), sets=sets, spectrum=spectrum, scope=scope, **per_set)
        except (KeyError, ValueError, IndexError, TypeError) as error:
            raise ArtifactError(f"stored code structure is incomplete or damaged ({error}); build it again") from error


_PER_SET = ("a", "b", "weight", "elementary", "absorbing", "stopping")
