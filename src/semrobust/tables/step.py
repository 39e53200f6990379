"""Make the result TABLE from per-image results, with 95% intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from semrobust.config.settings import Plain
from semrobust.pipeline.captions import caption
from semrobust.pipeline.step import Step, defined, of_run
from semrobust.pipeline.work import Work
from semrobust.tables.table import table

if TYPE_CHECKING:
    from semrobust.config.params import Params
    from semrobust.pipeline.plan import Artifact


def settings(params: Params, name: str) -> Plain:
    return {
        "run": params.run,
        "dataset": params.data.source,
        "seed": params.seed,
        "bootstrap_samples": params.evaluation.bootstrap_samples,
        "caption": caption(params, name, table(name).caption),
        **table(name).settings(params),
    }


def make(work: Work) -> None:
    """Make the rows, check them against what the table promises, and write them."""
    made = table(work.artifact.name)
    frame = made.checked(made.make(work))
    with work.output() as path:
        frame.to_csv(path, index=False, float_format="%.6g", lineterminator="\n")


def says(artifact: Artifact) -> str:
    """How many rows the table has."""
    return f"{len(pd.read_csv(artifact.path()))} rows"


STEP = Step(
    kind="table",
    stage="results",
    folder="tables",
    files=(".csv",),
    names=lambda params: of_run(params, "semrobust.tables", "TABLE"),
    needs=lambda params, name: table(name).needs(params),
    settings=settings,
    modules=lambda _, name: [__name__, defined("semrobust.tables", "TABLE", name)[0]],
    make=make,
    says=says,
    published="data/RUN/results",
    memory_mb=1000,
)
