"""Parity-check matrices as text in MacKay's alist format (https://www.inference.org.uk/mackay/codes/alist.html).

    columns rows
    largest column weight, largest row weight
    weight of each column
    weight of each row
    one line per column: the rows of its ones, counted from 1, filled up with 0 to the largest column weight
    one line per row: the columns of its ones, likewise

What collections hold beside that (MacKay's, and those of AFF3CT and R. Neal's programs) is read, too: lists without the
zeros, or with one 0 for none; empty lines; what follows a `#`; a byte order mark. The padded form is written.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from semrobust.errors import DataError
from semrobust.pipeline.files import replacing

Bits = npt.NDArray[np.uint8]


def read_alist(path: Path) -> Bits:
    """Read the parity-check matrix H, uint8 (rows, columns), of an alist file.

    Raises DataError, with the line and what is wrong in it, if the file cannot be read or contradicts itself: the
    weights, the lists of the columns and the lists of the rows all say the same thing.
    """
    reader = _Reader(path)
    columns, rows = reader.size()
    of_column, of_row = reader.numbers(2, "the largest column weight and the largest row weight")
    column_weights = reader.numbers(columns, "the weights of the columns", most=min(of_column, rows))
    row_weights = reader.numbers(rows, "the weights of the rows", most=min(of_row, columns))
    matrix, again = np.zeros((rows, columns), dtype=np.uint8), np.zeros((rows, columns), dtype=np.uint8)
    for column, weight in enumerate(column_weights):
        matrix[reader.ones(f"column {column + 1}", weight, rows), column] = 1
    for row, weight in enumerate(row_weights):
        again[row, reader.ones(f"row {row + 1}", weight, columns)] = 1
        wrong = np.flatnonzero(matrix[row] != again[row])
        if wrong.size:
            reader.fail(f"row {row + 1} and the list of column {wrong[0] + 1} disagree")
    reader.end()
    return matrix


def alist_columns(path: Path) -> int:
    """Number of columns of the matrix in an alist file, without reading all of it; raises DataError as `read_alist`."""
    return _Reader(path).size()[0]


def write_alist(matrix: npt.NDArray[np.integer], path: Path) -> None:
    """Write H (rows, columns) of 0 and 1 as a padded alist file, atomically.

    Raises ValueError if `matrix` is no such matrix, ArtifactError if the file cannot be written.
    """
    if matrix.ndim != 2 or 0 in matrix.shape or not np.isin(matrix, (0, 1)).all():
        raise ValueError(f"an array of shape {matrix.shape}: a parity-check matrix has rows and columns of 0 and 1")
    with replacing(path) as temporary:
        temporary.write_text("\n".join(_lines(matrix)) + "\n", encoding="ascii", newline="\n")


def _lines(matrix: npt.NDArray[np.integer]) -> Iterator[str]:
    weights = [matrix.sum(axis=axis).tolist() for axis in (0, 1)]
    yield f"{matrix.shape[1]} {matrix.shape[0]}"
    yield f"{max(weights[0])} {max(weights[1])}"
    for numbers in weights:
        yield " ".join(map(str, numbers))
    for lists, width in ((matrix.T, max(weights[0])), (matrix, max(weights[1]))):
        for line in lists:
            ones = (np.flatnonzero(line) + 1).tolist()
            yield " ".join(map(str, ones + [0] * (width - len(ones))))


class _Reader:
    """The lines of a file that say something, one after the other, and what is wrong with them."""

    def __init__(self, path: Path) -> None:
        self.path, self.number = path, 0
        try:
            self.lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
        except OSError as error:
            raise DataError(f"{path} cannot be read as an alist file: {error}") from error

    def fail(self, problem: str) -> None:
        raise DataError(f"{self.path}, line {self.number}: {problem}")

    def _line(self) -> list[str]:
        """Words of the next line with any; none at the end of the file."""
        while self.number < len(self.lines):
            self.number += 1
            words = self.lines[self.number - 1].partition("#")[0].split()
            if words:
                return words
        self.number += 1
        return []

    def _next(self, what: str) -> list[int]:
        words = self._line()
        if not words:
            self.fail(f"the file ends before {what}")
        try:
            return [int(word) for word in words]
        except ValueError:
            self.fail(f"{what} must be whole numbers, not {' '.join(words)[:40]!r}")
        raise AssertionError

    def size(self) -> tuple[int, int]:
        """The first line: columns and rows."""
        columns, rows = self.numbers(2, "the numbers of columns and rows", least=1)
        return columns, rows

    def numbers(self, count: int, what: str, least: int = 0, most: int | None = None) -> list[int]:
        """The next line, which holds `count` numbers from `least` to `most`."""
        found = self._next(what)
        if len(found) != count:
            self.fail(f"{what}: {len(found)} numbers, expected {count}")
        for number in found:
            if number < least or (most is not None and number > most):
                self.fail(f"{what}: {number}, expected {least} to {most}" if most is not None else f"{what}: {number}")
        return found

    def ones(self, what: str, weight: int, length: int) -> list[int]:
        """The next list, of `weight` places from 1 to `length`; returns them counted from 0.

        Zeros say nothing wherever they stand, so a list of nothing takes no line: lines of zeros are passed over.
        """
        places: list[int] = []
        while weight and not places:
            places = [number for number in self._next(f"the list of {what}") if number]
        if len(places) != weight:
            self.fail(f"the list of {what} has {len(places)} ones, its weight is {weight}")
        for place in places:
            if not 1 <= place <= length:
                self.fail(f"the list of {what} names {place}, expected 1 to {length}")
        if len(set(places)) < weight:
            self.fail(f"the list of {what} names a place twice")
        return [place - 1 for place in places]

    def end(self) -> None:
        """Raise DataError if the file goes on."""
        while words := self._line():
            if any(word != "0" for word in words):
                self.fail("the file goes on after the last row")
