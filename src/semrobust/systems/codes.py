"""Channel codes that params may ask for: each says what cannot work at a length n and makes the code otherwise."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from semrobust.config.settings import Settings
from semrobust.errors import DataError
from semrobust.phy.alist import alist_columns
from semrobust.phy.decoder import Decoder
from semrobust.phy.ldpc import (
    LdpcCode,
    no_nr_code,
    nr_code,
    regular_code,
    regular_matrix,
    shared_pairs,
)

_AMPLE = 10
"""Bits per product of the weights from which on every draw of progressive edge growth was found to succeed."""


class _WeightSettings(Settings):
    """What regular codes share: weights, a rate of about 1 - column_weight/row_weight (k follows from the rank).

    `draw` decides all that is random, so systems with the same family, weights, length and draw share their code.
    """

    column_weight: Annotated[int, Field(ge=2)]
    row_weight: Annotated[int, Field(ge=3)]
    draw: Annotated[int, Field(ge=0, lt=2**32)]

    def problems(self, n: int) -> list[str]:
        """Return "key: value, what is allowed" for a code of `n` bits."""
        if self.column_weight >= self.row_weight:
            return [f"column_weight: {self.column_weight}, must be below row_weight for a positive rate"]
        if n % self.row_weight:
            return [f"row_weight: {self.row_weight}, must divide the {n} coded bits of a block"]
        try:
            self._try(n)
        except ValueError as error:
            return [f"column_weight: {self.column_weight}, must suit the {n} coded bits of a block: {error}"]
        return []

    def _try(self, n: int) -> None:
        """Raise ValueError where `n` is too short for the weights; quick where it is long."""
        raise NotImplementedError

    def message_bits(self, n: int) -> int:
        """Least number of message bits of a code of `n` bits."""
        return n - n * self.column_weight // self.row_weight


class RegularCodeSettings(_WeightSettings):
    """A regular code of Gallager's construction, as pyldpc draws it."""

    family: Literal["regular"]

    def _try(self, n: int) -> None:
        if shared_pairs(n, self.column_weight, self.row_weight) > 1:  # else some draw is without
            regular_matrix(n, self.column_weight, self.row_weight, self.draw)

    def make(self, n: int) -> LdpcCode:
        """Return the code of `n` bits."""
        return regular_code(n, self.column_weight, self.row_weight, self.draw)


class GrownCodeSettings(_WeightSettings):
    """A regular code by progressive edge growth (`phy.growth`)."""

    family: Literal["peg"]

    def _try(self, n: int) -> None:
        if n < _AMPLE * self.column_weight * self.row_weight:
            self.make(n)

    def make(self, n: int) -> LdpcCode:
        """Return the code of `n` bits."""
        from semrobust.phy.growth import grown_matrix  # its compiler takes seconds to load

        return LdpcCode.from_parity_check(grown_matrix(n, self.column_weight, self.row_weight, self.draw), self.family)


class NRCodeSettings(Settings):
    """A 5G NR code of 3GPP TS 38.212 of the exact rate "p/q": k = n·p/q message bits, rounded down to whole bits."""

    family: Literal["nr"]
    rate: Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]*/[1-9][0-9]*$")]

    def message_bits(self, n: int) -> int:
        """Message bits k of a code of `n` bits."""
        numerator, denominator = map(int, self.rate.split("/"))
        return n * numerator // denominator

    def problems(self, n: int) -> list[str]:
        """Return "key: value, what is allowed" for a code of `n` bits."""
        k = self.message_bits(n)
        if reason := no_nr_code(k, n):
            return [f"rate: {self.rate!r}, leaves k = {k} of the {n} coded bits of a block: {reason}"]
        return []

    def make(self, n: int) -> LdpcCode:
        """Return the code of `n` bits; nothing about it is random."""
        return nr_code(self.message_bits(n), n)


class AlistCodeSettings(Settings):
    """A parity-check matrix in MacKay's alist format. Its SHA-256 stands in the params, as its numbers do."""

    family: Literal["alist"]
    path: str
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]

    def problems(self, n: int) -> list[str]:
        """Return "key: value, what is allowed" for a code of `n` bits."""
        try:
            found = hashlib.sha256(Path(self.path).read_bytes()).hexdigest()
            if found != self.sha256:
                return [f"sha256: {self.sha256!r}, but {self.path} has {found}"]
            columns = alist_columns(Path(self.path))
            if columns != n:
                return [f"path: {self.path!r}, its matrix has {columns} columns, must have {n}, the bits of a block"]
            Decoder(_code(self.path, self.sha256))
        except OSError as error:
            return [f"path: {self.path!r}, {error.strerror}: must be an alist file"]
        except (DataError, ValueError) as error:
            return [f"path: {self.path!r}, must be the alist file of a code: {error}"]
        return []

    def message_bits(self, n: int) -> int:
        """Number of message bits of the code."""
        return self.make(n).k

    def make(self, n: int) -> LdpcCode:
        """Return the code of the file's matrix; nothing about it is random."""
        return _code(self.path, self.sha256)


@cache
def _code(path: str, sha256: str) -> LdpcCode:
    """The code of a file, built once for one content: params are checked more than once."""
    return LdpcCode.from_parity_check(Path(path), "alist")


CodeSettings = Annotated[
    RegularCodeSettings | GrownCodeSettings | NRCodeSettings | AlistCodeSettings, Field(discriminator="family")
]
