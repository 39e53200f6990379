"""Stored instantons of a code: pushes on its bits that the decoder does not survive, of little energy."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save_file

from semrobust.errors import ArtifactError

Floats = npt.NDArray[np.float32]
Index = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_PUSHED = 0.05  # of the level: a bit that is pushed by less is counted as left alone


@dataclass(frozen=True, eq=False)
class Patterns:
    """Failing patterns of one code under one decoder, in the order of their energy.

    Row i holds pushes on the n transmitted bits away from what was sent, in units of the BPSK level, float32
    (patterns, n): the word 1 - push, sent as all-zero and without noise, fails. The code is linear, so what fails one
    word fails all, the push turned by the signs of the word. `wrong` bool (patterns, n): bits that are wrong in the
    end. `settled` bool (patterns,): the decoder ends at another codeword, where else it finds none. `lasting` bool
    (patterns, 2): fails with four times the iterations, too; and with the other schedule, with as many. `depth`: the
    unrolled iterations whose gradients suited the code best. `snr_db`: of the receiver that the search was made for.
    """

    pushes: Floats
    wrong: Flags
    settled: Flags
    lasting: Flags
    depth: Index
    snr_db: Floats

    def __post_init__(self) -> None:
        count, bits = self.pushes.shape
        shapes = {"wrong": (count, bits), "settled": (count,), "lasting": (count, 2), "depth": (1,), "snr_db": (1,)}
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                raise ArtifactError(f"stored patterns are damaged: {name} does not fit the pushes; search them again")

    def __len__(self) -> int:
        return len(self.pushes)

    @property
    def energies(self) -> npt.NDArray[np.float64]:
        """||push||², float64 (patterns,)."""
        return np.asarray((self.pushes.astype(np.float64) ** 2).sum(axis=1))


def save(patterns: Patterns, path: Path) -> None:
    """Write the arrays."""
    save_file({name: np.ascontiguousarray(array) for name, array in vars(patterns).items()}, path)


def load(path: Path) -> Patterns:
    """Inverse of `save`; raises ArtifactError for arrays that do not fit."""
    stored: dict[str, Any] = load_file(path)
    if stored.keys() != {field.name for field in fields(Patterns)}:
        raise ArtifactError(f"{path}: holds {', '.join(sorted(stored))}, which are no stored patterns; search again")
    return Patterns(**stored)


def summary(patterns: Patterns, first: int = 8) -> dict[str, Any]:
    """Energies of all patterns, and of the `first` ones what is pushed and what happens, as plain values."""
    energies = patterns.energies.round(4).tolist()
    best = [
        {
            "energy": energies[row],
            "pushed_bits": int((np.abs(patterns.pushes[row]) > _PUSHED).sum()),
            "wrong_bits": int(patterns.wrong[row].sum()),
            "ends_at_a_codeword": bool(patterns.settled[row]),
            "fails_with_4_times_the_iterations": bool(patterns.lasting[row, 0]),
            "fails_with_the_other_schedule": bool(patterns.lasting[row, 1]),
        }
        for row in range(min(first, len(patterns)))
    ]
    return {"energies": energies, "best": best, "depth": int(patterns.depth[0]), "snr_db": float(patterns.snr_db[0])}
