"""Write a table of the samples."""

from __future__ import annotations

from semrobust.pipeline.step import Step
from semrobust.pipeline.work import Work
from tests.figures import samples


def make(work: Work) -> None:
    work.dataset = samples.DATASET
    with work.output() as path:
        samples.TABLES[work.artifact.name]().to_csv(path, index=False, float_format="%.6g", lineterminator="\n")


STEP = Step(
    kind="table",
    stage="results",
    folder="tables",
    files=(".csv",),
    names=lambda _: samples.TABLES,
    settings=lambda params, name: {"run": params.run, "caption": {"title": f"The table {name}", "body": "Its *rows*."}},
    versions=lambda *_: {},
    modules=lambda *_: ["semrobust.pipeline.seeds"],
    make=make,
    published="data/RUN/results",
)
