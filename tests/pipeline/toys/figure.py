"""Draw a table."""

from __future__ import annotations

from matplotlib.figure import Figure

from semrobust.pipeline import embedded
from semrobust.pipeline.step import Step
from semrobust.pipeline.work import Work


def make(work: Work) -> None:
    drawn = Figure(figsize=(1, 1))
    drawn.subplots().plot([0, len(work.input("table").path().read_text())])
    record = work.determined | {"command": ["semrobust", "figure", work.artifact.name]}
    for suffix in (".pdf", ".png"):
        with work.output(suffix) as path:
            metadata = {"CreationDate": None} if suffix == ".pdf" else {}
            drawn.savefig(path, metadata=metadata, dpi=work.settings["dpi"])
            path.write_bytes(embedded.embed(path.read_bytes(), record))


STEP = Step(
    kind="figure",
    stage="figures",
    folder="figures",
    files=(".pdf", ".png"),
    names=lambda _: ["fig"],
    needs=lambda *_: [("table", "clean")],
    settings=lambda params, _: {"run": params.run, "dpi": params.plot.dpi},
    modules=lambda *_: ["semrobust.pipeline.embedded"],
    make=make,
    published="figures/RUN",
)
