"""Every claim of the two papers beside what the run says of it: a typeset table."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from semrobust.config.roles import recognition_roles
from semrobust.config.settings import Plain
from semrobust.figures import base, canvas
from semrobust.pipeline import select
from semrobust.pipeline.numbers import interval
from semrobust.pipeline.verdicts import DIRECTION, FAILS, HOLDS, INCONCLUSIVE, UNTESTED

if TYPE_CHECKING:
    from semrobust.config.params import Params

_LINE = 0.135  # inches
_SHARE = "share "
_GAP = 0.7  # lines between rows
_COLUMNS = (0.0, 0.44, 0.545, 0.845)  # left edges: claim, place, ours, verdict
_WIDTHS = (54, 12, 35, 18)  # characters
# blue, yellow and orange are told apart by the colour-blind, too, and grey decides nothing
_MARKS = {
    HOLDS: ("o", "#0173b2"),
    DIRECTION: ("^", "#d9b300"),
    INCONCLUSIVE: ("$?$", "0.25"),
    FAILS: ("X", "#d55e00"),
    UNTESTED: ("_", "0.5"),
}


class _Row(NamedTuple):
    """The cells of one claim, wrapped."""

    cells: tuple[str, str, str, str]
    verdict: str

    @property
    def lines(self) -> int:
        return max(cell.count("\n") + 1 for cell in self.cells)


def draw(inputs: base.FigureInputs) -> Figure:
    """One block per paper; the verdict as a mark and in words, since a mark alone may not be told apart."""
    table = inputs.tables["paper_vs_ours"]
    papers = table.groupby("paper", sort=False)
    blocks = {
        paper: [_row(claim, inputs.settings["names"]) for _, claim in claims.iterrows()] for paper, claims in papers
    }
    height = sum(1 + _GAP + sum(row.lines + _GAP for row in rows) for rows in blocks.values()) + 1 + _GAP
    figure = canvas.sheet(_LINE * max(height, 1.0) + 0.5)
    axes = figure.subplots()
    axes.axis("off")
    axes.set_xlim(0, 1)
    axes.set_ylim(height, 0)
    top = _write(axes, ("claim", "place", "ours", "verdict"), 0.0, bold=True)
    for paper, rows in blocks.items():
        axes.axhline(top - _GAP / 2, color="0.2", linewidth=0.6 * canvas.scale())
        top = _write(axes, (str(paper), "", "", ""), top, bold=True)
        for row in rows:
            _mark(axes, row.verdict, top)
            top = _write(axes, row.cells, top)
    notes = [
        "In brackets: 95% intervals; of a share of points, from those that certainly count to those that may. Not "
        "testable here: the run lacks a system, an SNR or a table that the claim is about. Verdicts are under our "
        "reading of the papers' systems and attacks. Rules, "
        "and the tables behind each line, are in paper_vs_ours.csv; `semrobust compare` prints them."
    ]
    images = table["n_images"].dropna().astype(int).tolist()
    canvas.footer(figure, inputs, images, notes)
    return figure


def names(params: Params) -> Plain:
    """What the measures of claims call systems, schemes of hu2022 and criteria of success, with their labels."""
    labels = {name: system.label for name, system in params.systems.items()}
    roles = recognition_roles({name: select.system(params, name) for name in params.of_task("class")})
    schemes = {role: labels[name] for role, name in roles.items()}
    return {"names": labels | schemes | {name: rule.label for name, rule in params.csi.broken.items()}}


def measured(claim: pd.Series[float], names: Mapping[str, str]) -> tuple[str, str]:
    """Our number, empty if there is none, and what it is, with labels in the place of names; shares in percent."""
    # rounded, since sums that are 0 are so but for the last digits
    value, low, high = (round(float(claim[name]), 9) for name in ("value", "value_low", "value_high"))
    said = str(claim["measure"]).removeprefix("nan")
    words = re.sub(r"\w+", lambda word: names.get(word[0], word[0]), said)
    if value != value:
        return "", words
    if words.startswith(_SHARE):
        return interval(100 * value, 100 * low, 100 * high, "%"), words.removeprefix(_SHARE)
    return interval(value, low, high), words


def _row(claim: pd.Series[float], names: Mapping[str, str]) -> _Row:
    ours = "–" if str(claim["verdict"]) == UNTESTED else " ".join(measured(claim, names)).strip()
    stated = str(claim["stated"])
    text = str(claim["text"]) if stated in ("", "nan") else f"{claim['text']} ({stated})"
    cells = (text, str(claim["place"]), ours, str(claim["verdict"]))
    wrapped = [textwrap.fill(cell, width) for cell, width in zip(cells, _WIDTHS, strict=True)]
    return _Row((wrapped[0], wrapped[1], wrapped[2], wrapped[3]), str(claim["verdict"]))


def _write(axes: Axes, cells: tuple[str, str, str, str], top: float, bold: bool = False) -> float:
    """Write one row with its first line at `top`; returns where the next one begins."""
    for x, cell in zip(_COLUMNS, cells, strict=True):
        axes.text(
            x + 0.025 * (x == _COLUMNS[-1]), top, cell, va="top", linespacing=1.25,
            fontsize=canvas.SMALL * canvas.scale(), fontweight="bold" if bold else "normal",
        )  # fmt: skip
    return top + max(cell.count("\n") + 1 for cell in cells) + _GAP


def _mark(axes: Axes, verdict: str, top: float) -> None:
    marker, color = _MARKS.get(verdict, (".", "0.3"))
    axes.plot(
        [_COLUMNS[-1] + 0.008], [top + 0.5], marker=marker, linestyle="none", color=color, clip_on=False,
    )  # fmt: skip


FIGURE = base.Figure(
    tables=("paper_vs_ours",),
    shows=(names,),
    draw=draw,
    caption="""
The papers' claims and what this run says

One row per claim of the two papers that our copies have: where it stands, our number with its 95% interval where the
tables have one, and the verdict, by a rule that is the same for every run. The table of claims in this report gives the
rules; ``paper_vs_ours.csv`` names the tables behind each row.
""",
)
