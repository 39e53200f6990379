"""Parity-check matrices in every form that they come in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from semrobust.phy.alist import read_alist

Bits = npt.NDArray[np.uint8]

ParityCheck = Any
"""H (checks, n) of 0 and 1: rows of numbers, NumPy (whole numbers, floats or bool), SciPy sparse, torch (dense or
sparse, on any device), or the path of an alist file."""


def dense(matrix: ParityCheck) -> Bits:
    """H as uint8 (checks, n).

    Raises ValueError for what is no matrix, is empty, or holds anything but 0 and 1; DataError for an alist file that
    cannot be read.
    """
    if isinstance(matrix, str | Path):
        return read_alist(Path(matrix))
    if isinstance(matrix, torch.Tensor):
        matrix = matrix.detach().cpu().to_dense().numpy()
    elif hasattr(matrix, "toarray"):
        matrix = matrix.toarray()  # entries given twice are added up
    try:
        values = np.asarray(matrix)
    except ValueError as error:
        raise ValueError("a parity-check matrix with rows of different lengths") from error
    if values.dtype.kind not in "biuf":
        raise ValueError(
            f"a parity-check matrix of {values.dtype}: must be numbers or bool, or the path of an alist file"
        )
    if values.ndim != 2 or not values.shape[1]:
        raise ValueError(f"a parity-check matrix of shape {values.shape}: must be (checks, n)")
    wrong = np.argwhere((values != 0) & (values != 1))
    if len(wrong):
        row, column = wrong[0]
        raise ValueError(
            f"a parity-check matrix with {values[row, column]} in row {row}, column {column}: must be 0 or 1"
        )
    return values.astype(np.uint8)
