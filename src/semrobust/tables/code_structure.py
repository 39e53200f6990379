"""How many cycles, harmful sets and light codewords the attacked codes have."""

from __future__ import annotations

from typing import Any

import pandas as pd

from semrobust.attacks.code.structure import stored
from semrobust.pipeline.work import Work
from semrobust.tables.table import COMMON, Table, samples

_WEIGHTS = ("distance", "pseudo_weight", "pseudo_weight_proved")


def make(work: Work) -> pd.DataFrame:
    """Rows (system, kind, a, b, weight). No channel and no images: the code alone decides."""
    rows: list[dict[str, Any]] = []
    given = work.settings
    for system, found in work.inputs("structure").items():
        structure = stored.load(found.path())
        code = structure.scope["code"]
        common = {
            "run": given["run"], "dataset": given["dataset"], "system": system, "channel": "none",
            "snr_db": None, "seed": given["seed"], "n_images": None,
            "family": code["family"], "n": code["n"], "k": code["k"], "girth": structure.girth,
            **samples(work.input("pseudo_weight", system)).iloc[0][list(_WEIGHTS)],
        }  # fmt: skip
        rows += [
            common
            | {
                "kind": tally.kind,
                "a": tally.a,
                "b": tally.b if tally.b >= 0 else None,
                "weight": tally.weight if tally.weight >= 0 else None,
                "count": tally.found,
                "n_sets_kept": tally.kept,
                "complete": tally.complete,
            }
            for tally in structure.spectrum
        ]
    return pd.DataFrame(rows, columns=[*COMMON, *TABLE.columns])


TABLE = Table(
    columns=(
        "family", "n", "k", "girth", *_WEIGHTS, "kind", "a", "b", "weight", "count", "n_sets_kept", "complete",
    ),
    needs=lambda params: [(kind, of) for of in params.coded("image") for kind in ("structure", "pseudo_weight")],
    make=make,
    caption="""
Cycles, harmful sets and light codewords of the LDPC codes

One row per code, kind of set, size a and number b of unsatisfied checks: how many there are, or were found
(``complete`` says which). Of the code as a whole, without noise and over QPSK: the least weight of known codewords,
which a maximum-likelihood receiver withstands at most, and the least pseudo-weight, which linear-programming decoding
does: found, from above, and proved, from below.
""",
)  # fmt: skip
