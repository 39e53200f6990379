"""The sheet of paper: style, size, notes, and files whose bytes depend on nothing but what they show."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib
import matplotlib.figure
import PIL.Image
import pypdf
import seaborn

from semrobust.config.settings import Plain
from semrobust.errors import ArtifactError
from semrobust.figures.base import FigureInputs
from semrobust.pipeline.embedded import embed
from semrobust.pipeline.files import replacing

WIDTH = 7.0
"""Width of every figure in inches, in the context `paper`: two columns of a journal page."""

SMALL = 7.0
"""The smallest font size at that width, in points."""

_PAPER_FONT = 8.2
_PREFIX = "semrobust:"
_CHARACTERS = 128


@contextmanager
def style(plot: Plain) -> Iterator[None]:
    """Draw and write under the style of the `plot` section, whatever matplotlibrc the user has."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(seaborn.axes_style("ticks"))
        matplotlib.rcParams.update(seaborn.plotting_context(plot["context"], font_scale=_PAPER_FONT / 9.6))
        matplotlib.rcParams.update(
            {
                # the fonts that matplotlib brings along: the same glyphs on every machine
                "font.family": "DejaVu Sans",
                "mathtext.fontset": "dejavusans",
                "pdf.fonttype": 42,
                "axes.grid": True,
                "axes.axisbelow": True,
                "grid.color": "0.9",
                "grid.linewidth": 0.6 * scale(),
                "lines.linewidth": 1.2 * scale(),
                "lines.markersize": 4.2 * scale(),
                "legend.frameon": False,
            }
        )
        yield


def scale() -> float:
    """How much larger the chosen context draws than `paper`; figures grow with it, so that nothing overlaps."""
    return float(matplotlib.rcParams["font.size"]) / _PAPER_FONT


def sheet(height: float, layout: str | None = "constrained") -> matplotlib.figure.Figure:
    """Return an empty figure of the common width and this height (inches in the context `paper`)."""
    from matplotlib.figure import Figure  # matplotlib's submodules are not attributes until imported

    return Figure(figsize=(WIDTH * scale(), height * scale()), layout=layout)  # type: ignore[arg-type]


def footer(
    figure: matplotlib.figure.Figure, inputs: FigureInputs, images: list[int], notes: list[str], of: str = "images"
) -> None:
    """Write dataset, run, number of images and provenance id below the figure, above them the notes if asked for, and a
    banner over what is no result about the papers.

    The notes are the figure's label, too: see `said`. A figure of what does not depend on images gives an empty list,
    and no dataset is named. `of` says what counts as images: those of channel states are samples.
    """
    origin = f"run {inputs.run} · semrobust:{inputs.id}"
    if images:
        count = "–".join(f"{n:,}" for n in sorted({min(images), max(images)}))
        origin = f"dataset {inputs.dataset.get('source', 'not recorded')}, test {of}: {count} · {origin}"
    figure.set_label("\n".join([*notes, f"{origin[0].upper()}{origin[1:]}."]))
    shown = notes if inputs.settings["plot"]["notes"] else []
    if inputs.settings["banner"]:
        shown = [inputs.settings["banner"], *shown]
    lines = [*(line for note in shown for line in textwrap.wrap(note, _CHARACTERS)), origin]
    # as supxlabel the layout leaves room for it, however many lines there are
    figure.supxlabel("\n".join(lines), x=0.012, ha="left", fontsize=SMALL * scale(), color="0.3")


def said(figure: matplotlib.figure.Figure, caption: Plain) -> str:
    """The caption and the notes of a figure, as the text file beside it."""
    body = " ".join(caption["body"].split()).replace("``", "")
    parts = [caption["title"], body, *str(figure.get_label()).split("\n")]
    return "".join(f"{textwrap.fill(part, 100)}\n\n" for part in parts if part).rstrip("\n") + "\n"


def rendered(
    figure: matplotlib.figure.Figure, suffix: str, name: str, identity: str, dpi: int, record: Plain | None = None
) -> bytes:
    """The figure as a PDF or PNG (`suffix`) that carries the provenance id and `record` (`pipeline.embedded`).

    No time, library version or path of this machine is written, so equal figures give equal bytes.
    """
    metadata: dict[str, dict[str, str | None]] = {
        ".pdf": {
            "Subject": name,
            "Keywords": f"{_PREFIX}{identity}",
            "Creator": "semrobust",
            "Producer": "semrobust",
            "CreationDate": None,
        },
        ".png": {"Title": name, "Software": "semrobust", "semrobust-id": identity},
    }
    drawn = io.BytesIO()
    figure.savefig(drawn, format=suffix[1:], dpi=dpi, metadata=metadata[suffix])
    content = drawn.getvalue()
    return content if record is None else embed(content, record | {"file": f"{name}{suffix}"})


def write(figure: matplotlib.figure.Figure, pdf: Path, name: str, identity: str, dpi: int) -> list[Path]:
    """Write a figure that belongs to no run as a PDF and the PNG beside it; returns the two paths."""
    paths = [pdf, pdf.with_suffix(".png")]
    for path in paths:
        with replacing(path) as temporary:
            temporary.write_bytes(rendered(figure, path.suffix, name, identity, dpi))
    return paths


def read_id(path: Path) -> str | None:
    """Return the provenance id that `write` put into a PDF or PNG, None if there is none.

    Raises ArtifactError if the file cannot be read.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ArtifactError(f"cannot read {path}: {error.strerror or error}") from error
    try:
        if content.startswith(b"%PDF"):
            about = pypdf.PdfReader(io.BytesIO(content)).metadata
            said = (about.keywords if about else None) or ""
            return said.removeprefix(_PREFIX) if said.startswith(_PREFIX) else None
        with PIL.Image.open(io.BytesIO(content)) as image:
            return image.info.get("semrobust-id")
    except (pypdf.errors.PyPdfError, OSError):  # no picture, or a damaged one
        return None
