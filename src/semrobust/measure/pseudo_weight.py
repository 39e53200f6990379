"""Bound what linear-programming decoding of the LDPC code of SYSTEM withstands, from above and from below"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from semrobust.attacks.code.structure import stored
from semrobust.config.settings import Plain
from semrobust.pipeline.step import Step
from semrobust.pipeline.work import Work
from semrobust.systems.checkpoint import restore
from semrobust.theory.pseudo_weight import pseudo_weight, transmits_all

if TYPE_CHECKING:
    from semrobust.config.params import Params


def settings(params: Params, _: str) -> Plain:
    return {"bits": params.certificates.program_bits}


def make(work: Work) -> None:
    """Write one row: `distance`, weight of the lightest known codeword, `pseudo_weight` and `pseudo_weight_proved`.

    Empty where no codeword is known, and for a code with punctured bits.
    """
    code = restore(work.input("train")).soft_bits().decoder.code
    structure = stored.load(work.input("structure").path())
    weights = structure.weight[structure.codeword]
    distance = float(weights.min()) if len(weights) else float("nan")
    row = {"distance": distance, "pseudo_weight": float("nan"), "pseudo_weight_proved": float("nan"), "programs": 0}
    if transmits_all(code):
        found = pseudo_weight(code, structure.girth, work.settings["bits"])
        lightest = min(found.found, distance) if len(weights) else found.found
        row |= {"pseudo_weight": lightest, "pseudo_weight_proved": found.proved, "programs": found.programs}
    with work.output() as path:
        pd.DataFrame([row]).to_parquet(path, index=False)


STEP = Step(
    kind="pseudo_weight",
    stage="samples",
    folder="samples/pseudo_weight",
    files=(".parquet",),
    names=lambda params: params.coded("image"),
    needs=lambda _, name: [("train", name), ("structure", name)],
    settings=settings,
    versions=lambda *_: {"pseudo_weight": 1},
    make=make,
    minutes=60,
)
