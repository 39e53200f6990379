"""The table `code_structure`: how many cycles, harmful sets and light codewords the attacked codes have."""

from __future__ import annotations

from typing import Any

import pandas as pd

from semrobust.attacks.code.structure import stored
from semrobust.config.params import Params
from semrobust.pipeline.record import Making
from semrobust.tables.schema import COLUMNS, COMMON


def code_structure(params: Params, making: Making) -> pd.DataFrame:
    """Rows (system, kind, a, b, weight). No channel and no images: the code alone decides."""
    rows: list[dict[str, Any]] = []
    for system in params.coded():
        structure = stored.load(params, system, making)
        code = structure.scope["code"]
        common = {
            "run": params.run, "dataset": params.data.source, "system": system, "channel": "none",
            "snr_db": None, "seed": params.seed, "n_images": None,
            "family": code["family"], "n": code["n"], "k": code["k"], "girth": structure.girth,
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
    return pd.DataFrame(rows, columns=[*COMMON, *COLUMNS["code_structure"]])
