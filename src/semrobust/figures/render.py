"""Make one figure of a run, from its recorded inputs to files with a record of their own."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from semrobust.config.params import Params
from semrobust.config.registry import FIGURES
from semrobust.figures import canvas
from semrobust.figures.base import FigureInputs
from semrobust.pipeline import jobs, outputs
from semrobust.pipeline.layout import Layout
from semrobust.pipeline.record import Making


def run(params: Params, name: str, command: list[str]) -> Path:
    """Draw the figure `name` and write its PDF, PNG and record; returns the path of the PDF.

    Raises:
        UsageError: there is no such figure.
        ArtifactError: an input is missing, altered or made with other params, or a file cannot be written.
    """
    kind, layout = FIGURES[name], Layout(params.run)
    making = Making(outputs.figure(params, name), command)
    tables = {table: making.uses(layout.table(table), outputs.table(params, table)) for table in kind.tables}
    gallery = making.uses(layout.gallery(), jobs.gallery(params)) if kind.gallery else None
    settings, output = making.job.settings, layout.figure(name)
    with canvas.style(settings["plot"]):
        inputs = FigureInputs(
            tables={table: pd.read_csv(path) for table, path in tables.items()},
            gallery=gallery,
            settings=settings,
            dataset=making.dataset,
            run=params.run,
            id=making.id,
        )
        # of the record, what is the same whoever draws the figure, and the command without the params' files
        record = making.determined | {"command": ["semrobust", "figure", name]}
        written = canvas.write(kind.draw(inputs), output, name, making.id, settings["plot"]["dpi"], record)
    making.finish(output, written)
    return output
