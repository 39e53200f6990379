"""Alist files: a small example in all ways to write it, exact round trips, and every way to be wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from semrobust.errors import ArtifactError, DataError
from semrobust.phy.alist import alist_columns, read_alist, write_alist
from semrobust.phy.ldpc import LdpcCode

PADDED = """\
4 3
2 3
2 1 2 1
3 2 1
1 2
1 0
1 3
2 0
1 2 3
1 4 0
3 0 0
"""
MATRIX = np.array([[1, 1, 1, 0], [1, 0, 0, 1], [0, 0, 1, 0]], dtype=np.uint8)


COMMENTED = "\ufeff# columns, rows\n" + PADDED.replace("\n", " # \u00e9\n").replace("2 0 #", "2 #\n\n#") + "# end"


def unpadded(text: str) -> str:
    lines = text.splitlines()
    return "\n".join(lines[:4] + [" ".join(word for word in line.split() if word != "0") for line in lines[4:]]) + "\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "code.alist"


@pytest.mark.parametrize(
    "text",
    [
        PADDED,
        unpadded(PADDED),
        PADDED.replace("\n", " \r\n"),
        PADDED.replace("\n", "\n\n"),
        PADDED.replace(" ", "\t"),
        COMMENTED,
    ],
)
def test_all_ways_to_write_it_are_the_same_matrix(file: Path, text: str) -> None:
    file.write_text(text)
    matrix = read_alist(file)
    assert matrix.dtype == np.uint8
    assert np.array_equal(matrix, MATRIX)


def test_the_padded_form_is_written(file: Path) -> None:
    write_alist(MATRIX, file)
    assert file.read_text() == PADDED


matrices = arrays.arrays(np.uint8, st.tuples(st.integers(1, 6), st.integers(1, 8)), elements=st.integers(0, 1))


@given(matrix=matrices)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
def test_round_trip_is_exact_padded_or_not(file: Path, matrix: np.ndarray[tuple[int, int], np.dtype[np.uint8]]) -> None:
    """Also with columns and rows of zeros, whose lists are empty, or one 0."""
    write_alist(matrix, file)
    assert np.array_equal(read_alist(file), matrix)
    text = unpadded(file.read_text())
    for empty in ("", "0"):
        lines = [line or empty for line in text.split("\n")]
        file.write_text("\n".join(lines))
        assert np.array_equal(read_alist(file), matrix)
        assert alist_columns(file) == matrix.shape[1]


def test_a_code_survives(file: Path, regular: LdpcCode) -> None:
    write_alist(regular.parity_check.toarray(), file)
    code = LdpcCode.from_parity_check(read_alist(file), "alist")
    assert (code.k, code.n) == (regular.k, regular.n)
    assert np.array_equal(code.parity_check.toarray(), regular.parity_check.toarray())
    assert np.array_equal(code.generator, regular.generator)


def changed(line: int, text: str) -> str:
    lines = PADDED.splitlines()
    lines[line - 1] = text
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("", 1, "the file ends before the numbers of columns and rows"),
        (changed(1, "4"), 1, "1 numbers, expected 2"),
        (changed(1, "0 3"), 1, "the numbers of columns and rows: 0"),
        (changed(1, "four 3"), 1, "must be whole numbers, not 'four 3'"),
        (changed(3, "2 1 2"), 3, "the weights of the columns: 3 numbers, expected 4"),
        (changed(3, "2 1 3 1"), 3, "the weights of the columns: 3, expected 0 to 2"),
        (changed(4, "3 -1 1"), 4, "the weights of the rows: -1, expected 0 to 3"),
        (changed(5, "1 0"), 5, "the list of column 1 has 1 ones, its weight is 2"),
        (changed(6, "1 2"), 6, "the list of column 2 has 2 ones, its weight is 1"),
        (changed(9, "1 2 0"), 9, "the list of row 1 has 2 ones, its weight is 3"),
        (changed(9, "# 1 2 3"), 10, "the list of row 1 has 2 ones, its weight is 3"),
        (changed(5, "1 4"), 5, "the list of column 1 names 4, expected 1 to 3"),
        (changed(5, "1 -1"), 5, "the list of column 1 names -1, expected 1 to 3"),
        (changed(5, "1 1"), 5, "the list of column 1 names a place twice"),
        (changed(10, "1 3 0"), 10, "row 2 and the list of column 3 disagree"),
        ("\n".join(PADDED.splitlines()[:7]), 8, "the file ends before the list of column 4"),
        (PADDED + "7\n", 12, "the file goes on after the last row"),
    ],
)
def test_a_broken_file_is_refused_by_line_and_problem(file: Path, text: str, line: int, problem: str) -> None:
    file.write_text(text)
    with pytest.raises(DataError) as caught:
        read_alist(file)
    assert str(caught.value).startswith(f"{file}, line {line}: ")
    assert problem in str(caught.value)


def test_no_file_and_no_text_are_refused(file: Path) -> None:
    with pytest.raises(DataError, match="cannot be read as an alist file"):
        read_alist(file)
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="must be whole numbers"):
        read_alist(file)


def test_what_is_no_matrix_is_not_written(file: Path) -> None:
    for wrong in (np.array([1, 0]), np.array([[2, 0]]), np.zeros((0, 3), dtype=np.uint8)):
        with pytest.raises(ValueError, match="rows and columns of 0 and 1"):
            write_alist(wrong, file)
    assert not file.exists()
    with pytest.raises(ArtifactError):
        write_alist(MATRIX, Path("/proc/nothing/code.alist"))
