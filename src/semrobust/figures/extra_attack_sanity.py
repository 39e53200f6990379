"""Whether the noise against each system is what it claims to be: the checks of attack_sanity.csv at a glance."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from semrobust.figures import base, canvas, recognition_notes, shown

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# symbol and shade of a verdict, the worst first; the shades differ in lightness, too
_VERDICTS = {
    "violated": ("✗", "#e08a4f"),
    "flagged": ("!", "#f5dd7a"),
    "within_noise": ("≈", "#e4e4e4"),
    "holds": ("✓", "#cfe3f3"),
}
_ROW, _HEAD = 0.36, 0.75  # inches
_HEAD_CHARACTERS, _LABEL_CHARACTERS = 13, 22
_ZEROS = "zero_gradients"


def draw(inputs: base.FigureInputs) -> Figure:
    """A grid: a row per system, a column per check, in each cell the worst of its lines."""
    table, labels = inputs.tables["attack_sanity"], inputs.settings["labels"]["classifiers"]
    table = table[table["system"].isin(list(labels))]
    systems = [name for name in labels if name in set(table["system"])]
    named = set(table["check"])
    checks = [
        *(check for check in recognition_notes.CHECKS if check in named),
        *sorted(named - set(recognition_notes.CHECKS)),
    ]
    figure = canvas.sheet(_HEAD + _ROW * max(1, len(systems)) + 0.3)
    axes = figure.subplots()
    for row, system in enumerate(systems):
        for column, check in enumerate(checks):
            lines = table[(table["system"] == system) & (table["check"] == check)]
            if len(lines):
                _cell(axes, column, row, _worst(lines))
    _axes(axes, [recognition_notes.CHECKS.get(check, check) for check in checks], [labels[name] for name in systems])
    _legend(figure)
    notes = [
        "Numbers: error rate under the noise that should be stronger less that under the weaker one, in percentage "
        "points; it should not be negative. For gradients: the share that is exactly zero. A cell shows the worst of "
        f"its lines. {recognition_notes.bands_note(table, 'In brackets')}",
        *(_said(line, labels) for _, line in table[table["verdict"].isin(recognition_notes.BAD)].iterrows()),
    ]
    recognition_notes.finish(figure, inputs, table["n_images"], notes)
    return figure


def _worst(lines: pd.DataFrame) -> pd.Series[float]:
    """The line with the worst verdict; of several, the one with the least difference."""
    order = {verdict: place for place, verdict in enumerate(_VERDICTS)}
    ranked = lines.assign(order=lines["verdict"].map(order).fillna(0))
    return ranked.sort_values(["order", "difference"], kind="stable").iloc[0]


def _cell(axes: Axes, column: int, row: int, line: pd.Series[float]) -> None:
    from matplotlib.patches import Rectangle

    symbol, shade = _VERDICTS.get(str(line["verdict"]), ("?", "white"))
    cell = Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=shade, edgecolor="white", linewidth=1.5)
    axes.add_patch(cell)
    text = f"{symbol} {_numbers(line)}"
    axes.text(column, row, text, ha="center", va="center", fontsize=canvas.SMALL * canvas.scale(), linespacing=1.25)


def _numbers(line: pd.Series[Any]) -> str:
    """Difference in percentage points with its interval below, or the share of gradients that are zero."""
    if line["check"] == _ZEROS:
        return f"{100 * line['stronger']:.1f}%" if line["stronger"] == line["stronger"] else ""
    ends = ("difference", "difference_low", "difference_high")
    value, low, high = (round(100 * line[name], 1) + 0.0 for name in ends)  # no −0.0
    if value != value:
        return ""
    return (f"{value:+.1f}" if low != low else f"{value:+.1f}\n[{low:.1f}, {high:.1f}]").replace("-", "−")


def _axes(axes: Axes, heads: list[str], labels: list[str]) -> None:
    axes.set_xlim(-0.5, max(1, len(heads)) - 0.5)
    axes.set_ylim(max(1, len(labels)) - 0.5, -0.5)
    axes.xaxis.tick_top()
    small = canvas.SMALL * canvas.scale()
    axes.set_xticks(range(len(heads)), [textwrap.fill(head, _HEAD_CHARACTERS) for head in heads], fontsize=small)
    axes.set_yticks(range(len(labels)), [textwrap.fill(label, _LABEL_CHARACTERS) for label in labels], fontsize=small)
    axes.tick_params(length=0)
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _legend(figure: Figure) -> None:
    from matplotlib.patches import Patch

    handles = [
        Patch(facecolor=shade, label=f"{symbol} {verdict.replace('_', ' ')}")
        for verdict, (symbol, shade) in reversed(_VERDICTS.items())
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))


def _said(line: pd.Series[float], labels: dict[str, str]) -> str:
    """One violated or flagged line in words."""
    check = recognition_notes.CHECKS.get(str(line["check"]), str(line["check"]))
    return f"{str(line['verdict']).capitalize()}, {labels[str(line['system'])]}, “{check}”: {line['description']}"


FIGURE = base.Figure(
    tables=("attack_sanity",),
    shows=(shown.classifiers,),
    draw=draw,
    caption="""
Is the semantic noise what it claims to be?

Rows: classifying systems. Columns: what must hold of noise that behaves as an attack must, such as that more
noise hurts more, iterated noise more than a single step, own noise more than others'. Numbers: error rate under the
noise that should be stronger, less that under the weaker, in percentage points, with 95% bootstrap intervals over
{{ params.recognition.images | number }} test images of {{ dataset }}; for gradients the share that is exactly zero. A
cell shows the worst of its lines. "Within noise": negative, but the interval reaches 0. A violated or flagged cell
would mean that a receiver's accuracy under noise is not to be trusted.
""",
)
