"""Parity-check matrices in every form are one code; what is none is refused with its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import sparse

from semrobust.errors import DataError
from semrobust.phy.alist import write_alist
from semrobust.phy.decoder import Decoder
from semrobust.phy.ldpc import LdpcCode
from semrobust.phy.parity import dense
from semrobust.phy.tanner import tanner_matrix

H = tanner_matrix()
FORMS: dict[str, Any] = {
    "rows": H.tolist(),
    "uint8": H,
    "int64": H.astype(np.int64),
    "float": H.astype(np.float64),
    "bool": H.astype(bool),
    "transposed twice": np.asfortranarray(H),
    "csr": sparse.csr_matrix(H),
    "csc array": sparse.csc_array(H.astype(float)),
    "coo": sparse.coo_array(H.astype(bool)),
    "torch": torch.from_numpy(H),
    "torch bool": torch.from_numpy(H).bool(),
    "torch float": torch.from_numpy(H).float().requires_grad_(True),
    "torch coo": torch.from_numpy(H).to_sparse(),
    "torch csr": torch.from_numpy(H).float().to_sparse_csr(),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_the_same_code(form: str) -> None:
    code, expected = LdpcCode.from_parity_check(FORMS[form]), LdpcCode.from_parity_check(H)
    assert (code.n, code.k) == (155, 64)
    for name, array in expected.to_arrays().items():
        assert np.array_equal(code.to_arrays()[name], array), name
    assert Decoder(FORMS[form]).code.k == 64


@pytest.mark.parametrize("as_text", [False, True])
def test_an_alist_file_is_the_same_code(as_text: bool, tmp_path: Path) -> None:
    path = tmp_path / "tanner.alist"
    write_alist(H, path)
    assert np.array_equal(dense(str(path) if as_text else path), H)
    with pytest.raises(DataError, match="cannot be read as an alist file"):
        dense(tmp_path / "none.alist")


def changed(row: int, column: int, value: float) -> Any:
    matrix = H.astype(float)
    matrix[row, column] = value
    return matrix


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (changed(3, 5, 2), "with 2.0 in row 3, column 5: must be 0 or 1"),
        (changed(0, 154, -1), "with -1.0 in row 0, column 154"),
        (changed(1, 1, 0.5), "with 0.5"),
        (changed(1, 1, np.nan), "with nan"),
        (sparse.coo_array(([1, 1, 1], ([0, 0, 0], [1, 1, 2])), shape=(1, 3)), "with 2 in row 0, column 1"),
        (torch.tensor([[0, 3]]), "with 3 in row 0, column 1"),
        ([[0, 1], [1]], "rows of different lengths"),
        ([0, 1, 1], r"of shape \(3,\): must be \(checks, n\)"),
        (np.zeros((3, 0), int), r"of shape \(3, 0\)"),
        (np.array([["0", "1"]]), "must be numbers or bool"),
        (np.array([[0j, 1]]), "of complex128"),
        (None, "of object"),
    ],
)
def test_what_is_no_parity_check_matrix(matrix: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dense(matrix)
