"""Small codes and quick settings."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from semrobust.attacks.code.structure.sets import NodeSets
from semrobust.config.searches import StructureSettings
from semrobust.phy.ldpc import LdpcCode, nr_code, regular_code

QUICK: dict[str, Any] = {
    "max_cycle": 8,
    "trapping_size": 6,
    "trapping_unsatisfied": 2,
    "growth_width": 5000,
    "stopping_size": 8,
    "search_branches": 300_000,
    "codeword_weight": 12,
    "codeword_trials": 200,
    "max_sets": 5000,
}


def settings(**changes: Any) -> StructureSettings:
    """Settings with which a tiny code takes no time."""
    return StructureSettings.model_validate(QUICK | changes)


@cache
def regular(n: int = 192) -> LdpcCode:
    """The (3, 6) code of seed 0."""
    return regular_code(n, 3, 6, 0)


@cache
def nr() -> LdpcCode:
    """A short 5G NR code: punctured nodes, parity nodes of degree 1."""
    return nr_code(60, 120)


def code_of(matrix: npt.NDArray[np.uint8]) -> LdpcCode:
    """The code of a parity-check matrix."""
    return LdpcCode.from_parity_check(matrix)


def tuples(sets: NodeSets) -> list[tuple[int, ...]]:
    """The sets as tuples of numbers."""
    return [tuple(nodes.tolist()) for nodes in sets]


def relabelled(matrix: npt.NDArray[np.uint8], seed: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """The same graph with other numbers for nodes and checks; and the new number of each old node."""
    generator = np.random.default_rng(seed)
    columns, rows = generator.permutation(matrix.shape[1]), generator.permutation(len(matrix))
    return matrix[rows][:, columns], np.argsort(columns)
