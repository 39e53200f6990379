"""Turn the notebook of the report into one HTML file: papermill executes it, nbconvert writes the page.

The page depends on tables, figures, records, captions and code alone: times, cell ids and paths of this machine stay in
the executed notebook, which is thrown away.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbconvert
import papermill

from semrobust.config.params import Params
from semrobust.config.registry import FIGURES
from semrobust.errors import ArtifactError, UsageError
from semrobust.pipeline import outputs
from semrobust.pipeline.files import write_text
from semrobust.pipeline.layout import Layout
from semrobust.pipeline.record import Making


def run(params: Params, params_files: Sequence[Path], command: list[str]) -> Path:
    """Write the report of a run, its record, and the link to it beside the figures; returns the path of the report.

    Raises:
        ArtifactError: a table or a figure is missing, altered or made with other params, or the notebook fails.
        UsageError: papermill or nbconvert is not installed.
    """
    layout = Layout(params.run)
    making = Making(outputs.report(params), command)
    for table in outputs.TABLES:
        making.uses(layout.table(table), outputs.table(params, table))
    for figure in FIGURES:
        making.uses(layout.figure(figure), outputs.figure(params, figure))
    output, link = layout.report(), layout.report_link()
    with TemporaryDirectory() as scratch:
        notebook = _executed(Path(scratch), params_files)
    write_text(output, page(notebook, f"{params.run}: how robust is semantic communication?", making.id))
    _link(link, output)
    making.finish(output, [output])
    return output


def _executed(scratch: Path, params_files: Sequence[Path]) -> Any:
    """The executed notebook; its kernel keeps its own files in `scratch`."""
    given = {"params_files": [path.as_posix() for path in params_files]}
    with _environment(JUPYTER_RUNTIME_DIR=str(scratch), IPYTHONDIR=str(scratch)):
        try:
            return papermill.execute_notebook(
                str(outputs.REPORT), str(scratch / "report.ipynb"), given, progress_bar=False, kernel_name="python3"
            )
        except ModuleNotFoundError as error:
            raise UsageError(f"{error.name} is not installed: pip install 'semrobust[workflow]'") from error
        except papermill.exceptions.PapermillExecutionError as error:
            raise ArtifactError(f"{outputs.REPORT} failed in cell {error.exec_count}: {error}") from error


@contextmanager
def _environment(**variables: str) -> Iterator[None]:
    """Set environment variables for a while."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def page(notebook: Any, title: str, identity: str) -> str:
    """The page: what cells show, without their code, below a table of contents."""
    exporter = nbconvert.HTMLExporter(template_file=str(outputs.PAGE.resolve()), anchor_link_text="")  # type: ignore[no-untyped-call]
    body, _ = exporter.from_notebook_node(notebook)
    body = re.sub(r'<a class="anchor-link"[^>]*></a>', "", body)
    contents = {
        "sections": re.findall(r'<h2 id="([^"]+)">(.*?)</h2>', body),
        "figures": re.findall(r'<figure id="([^"]+)" class="figure" data-title="([^"]+)"', body),
        "tables": re.findall(r'<figure id="([^"]+)" class="table" data-title="([^"]+)"', body),
    }
    lists = {kind: "".join(f'<li><a href="#{target}">{text}</a></li>' for target, text in found)
             for kind, found in contents.items()}  # fmt: skip
    filled = {"TITLE": title, "IDENTITY": identity, **{kind.upper(): found for kind, found in lists.items()}}
    return re.sub(r"<!--(TITLE|IDENTITY|SECTIONS|FIGURES|TABLES)-->", lambda match: filled[match[1]], body)


def _link(link: Path, target: Path) -> None:
    """Make `link` a relative link to `target`."""
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(os.path.relpath(target, link.parent))
