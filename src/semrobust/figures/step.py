"""Draw FIGURE as PDF and PNG from the tables, with its caption as text and the record of where it came from."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pandas as pd

from semrobust.config.settings import Plain
from semrobust.figures import base, canvas, shown
from semrobust.pipeline import step
from semrobust.pipeline.captions import banner, caption
from semrobust.pipeline.step import Need, Step
from semrobust.pipeline.work import Work

if TYPE_CHECKING:
    from semrobust.config.params import Params

_PICTURES, _TEXT = (".pdf", ".png"), ".txt"


@cache
def names() -> tuple[str, ...]:
    """Names of all figures of this package; nothing is imported."""
    return tuple(step.named("semrobust.figures", "FIGURE"))


def figure(name: str) -> base.Figure:
    """A figure by its name; imports its file alone."""
    found: base.Figure = step.defined("semrobust.figures", "FIGURE", name)[1]
    return found


def needs(_: Params, name: str) -> list[Need]:
    gallery = [("gallery", "gallery")] if figure(name).gallery else []
    return [*(("table", table) for table in figure(name).tables), *gallery]


def settings(params: Params, name: str) -> Plain:
    about = {"run": params.run, "plot": params.section("plot"), "banner": banner(params)}
    about["caption"] = caption(params, name, figure(name).template)
    return about | shown.together(params, figure(name).shows)


def make(work: Work) -> None:
    """Draw the figure and write its PDF and PNG, which carry the record of where it came from, and what it says."""
    name, given = work.artifact.name, work.settings
    with canvas.style(given["plot"]):
        inputs = base.FigureInputs(
            tables={table: pd.read_csv(found.path()) for table, found in work.inputs("table").items()},
            gallery=next((found.path() for found in work.inputs("gallery").values()), None),
            settings=given,
            dataset=work.dataset,
            run=given["run"],
            id=work.id,
        )
        drawn = figure(name).draw(inputs)
        # of the record, what is the same whoever draws the figure, and the command without the params' files
        record = work.determined | {"command": ["semrobust", "figure", name]}
        for suffix in _PICTURES:
            with work.output(suffix) as path:
                path.write_bytes(canvas.rendered(drawn, suffix, name, work.id, given["plot"]["dpi"], record))
        with work.output(_TEXT) as path:
            path.write_text(canvas.said(drawn, given["caption"]), encoding="utf-8")


STEP = Step(
    kind="figure",
    stage="figures",
    folder="figures",
    files=(*_PICTURES, _TEXT),
    names=lambda params: step.of_run(params, "semrobust.figures", "FIGURE"),
    needs=needs,
    settings=settings,
    modules=lambda _, name: [__name__, step.defined("semrobust.figures", "FIGURE", name)[0]],
    make=make,
    published="figures/RUN",
    memory_mb=1000,
)
