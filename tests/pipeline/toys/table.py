"""Make a table of networks."""

from __future__ import annotations

from semrobust.pipeline.step import Step
from semrobust.pipeline.work import Work


def make(work: Work) -> None:
    with work.output() as path:
        rows = [f"{name},{len(given.path().read_text())}" for name, given in work.inputs("train").items()]
        path.write_text("\n".join(["system,letters", *rows, ""]))


STEP = Step(
    kind="table",
    stage="results",
    folder="tables",
    files=(".csv",),
    names=lambda _: ["clean"],
    needs=lambda *_: [("train", "net"), ("train", "net.small")],
    settings=lambda params, _: {"run": params.run, "samples": params.evaluation.bootstrap_samples},
    modules=lambda *_: ["semrobust.pipeline.captions"],
    make=make,
    published="data/RUN/results",
)
