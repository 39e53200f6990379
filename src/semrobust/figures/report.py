"""Write the report of a finished run: one HTML page with its claims, tables and figures.

The page is what papermill and nbconvert make of `workflow/notebooks/report.ipynb`, which a person can open and change.
It depends on tables, figures, their records and the notebook alone: times, ids of cells and paths of this machine stay
in the executed notebook, which is thrown away.
"""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from unittest.mock import patch

from semrobust.config.settings import Plain
from semrobust.errors import ArtifactError, UsageError
from semrobust.figures import step as figure
from semrobust.figures.extra_paper_vs_ours import names
from semrobust.pipeline import files
from semrobust.pipeline.captions import DATASETS, banner
from semrobust.pipeline.select import without
from semrobust.pipeline.step import Need, Step, of_run
from semrobust.pipeline.work import Work

if TYPE_CHECKING:
    from semrobust.config.params import Params

NOTEBOOK = Path("workflow") / "notebooks" / "report.ipynb"
PAGE = NOTEBOOK.with_suffix(".html.j2")
PAGES = (NOTEBOOK, PAGE)


def needs(params: Params, _: str) -> list[Need]:
    tables = [("table", name) for name in of_run(params, "semrobust.tables", "TABLE")]
    return [*tables, *(("figure", name) for name in figure.STEP.names(params))]


def settings(params: Params, _: str) -> Plain:
    """What the page shows of the params, and the content of notebook and template (None where they are not)."""
    given, shown = params.recognition, without(params.section(), "plot")
    shown["data"] = without(shown["data"], "path", "mirrors", "hub")
    return {
        "run": params.run,
        "seed": params.seed,
        "banner": banner(params),
        "dataset": DATASETS.get(params.data.source, params.data.source),
        "labels": {name: system.label for name, system in params.systems.items()},
        **names(params),
        "attacked": params.attacked(),
        "n_attacks": len(params.attacks),
        "noise": {
            "name": given.default_noise,
            "level": given.default_level,
            "channel": given.channel,
            "snr_db": given.at_snr_db,
        },
        "params": shown,
        "pages": {path.as_posix(): files.sha256(path) if path.exists() else None for path in PAGES},
    }


def make(work: Work) -> None:
    """Execute the notebook on the run's tables and figures, and write what it shows.

    Raises ArtifactError if the notebook fails, and UsageError if papermill or nbconvert is not installed.
    """
    try:
        import nbconvert
        import papermill
    except ModuleNotFoundError as error:
        raise UsageError(f"{error.name} is not installed: pip install 'semrobust[workflow]'") from error
    given = {
        "tables": {name: str(found.path()) for name, found in work.inputs("table").items()},
        "figures": {name: str(found.path(".png")) for name, found in work.inputs("figure").items()},
        "shown": without(dict(work.settings), "pages"),
    }
    with TemporaryDirectory() as scratch, patch.dict(os.environ, JUPYTER_RUNTIME_DIR=scratch, IPYTHONDIR=scratch):
        executed = str(Path(scratch) / NOTEBOOK.name)
        try:
            notebook = papermill.execute_notebook(
                str(NOTEBOOK), executed, given, progress_bar=False, kernel_name="python3"
            )
        except papermill.exceptions.PapermillExecutionError as error:
            raise ArtifactError(f"{NOTEBOOK} failed in cell {error.exec_count}: {error}") from error
    title = f"{work.settings['run']}: how robust is semantic communication?"
    captions = {name: found.settings["caption"]["title"] for name, found in work.inputs("figure").items()}
    notebook.metadata |= {"title": title, "identity": work.id, "figures": captions, "banner": work.settings["banner"]}
    page, _ = nbconvert.HTMLExporter(template_file=str(PAGE.resolve())).from_notebook_node(notebook)  # type: ignore[no-untyped-call]
    with work.output() as path:
        path.write_text(page, encoding="utf-8")


STEP = Step(
    kind="report",
    stage="figures",
    folder="report",
    files=(".html",),
    names=lambda _: ["report"],
    needs=needs,
    settings=settings,
    make=make,
    reads=lambda _: PAGES,
    published="data/RUN/report",
    memory_mb=1000,
)
