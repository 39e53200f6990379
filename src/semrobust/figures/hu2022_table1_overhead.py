"""Hu 2022, table I: what each system sends per image, and how much less that is than with JPEG."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from semrobust.figures import base, canvas, recognition_notes, shown

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_CHARACTERS = 18
_LINE = 0.15  # inches
_MISSING = "–"


def draw(inputs: base.FigureInputs) -> Figure:
    """A typeset table: one row per system, one column of ratios per conventional system."""
    table, labels = inputs.tables["overhead"], inputs.settings["labels"]["classifiers"]
    table = table[table["system"].isin(list(labels))]
    references = [name for name in labels if name in set(table["reference"])]
    head = ["system", "bits per image", "patches sent", "symbols per image"]
    head += [f"symbols of {labels[name]} ÷ its own" for name in references]
    cells = [
        [textwrap.fill(labels[name], _CHARACTERS), *_row(table[table["system"] == name], references)]
        for name in labels
        if name in set(table["system"])
    ]
    texts = [[textwrap.fill(text, _CHARACTERS) for text in head], *cells]
    heights = [0.8 + max(text.count("\n") + 1 for text in row) for row in texts]
    figure = canvas.sheet(_LINE * sum(heights))
    axes = figure.subplots()
    axes.axis("off")
    axes.set_xlim(0, 1)
    axes.set_ylim(sum(heights), 0)
    _write(axes, texts, heights)
    notes = [
        f"{recognition_notes.bands_note(table, 'In brackets')} Without: every image takes the same. Bits are those "
        "before channel coding; a symbol is one complex channel use. –: vectors of real numbers, no bits."
    ]
    recognition_notes.finish(figure, inputs, table["n_images"], notes)
    return figure


def _write(axes: Axes, texts: list[list[str]], heights: list[float]) -> None:
    """Rules above, below and under the head, as in a printed table; the first column to the left, others centred."""
    widths = [max(len(line) for row in texts for line in row[column].split("\n")) for column in range(len(texts[0]))]
    total = float(sum(widths))
    top, scale = 0.0, canvas.scale()
    for index, (row, height) in enumerate(zip(texts, heights, strict=True)):
        if index < 2:
            axes.axhline(top, color="0.2", linewidth=(1.2 if index == 0 else 0.6) * scale, clip_on=False)
        left = 0.0
        for column, (text, width) in enumerate(zip(row, widths, strict=True)):
            x = left / total if column == 0 else (left + width / 2) / total
            axes.text(
                x, top + height / 2, text, ha="left" if column == 0 else "center", va="center",
                fontsize=canvas.SMALL * scale, fontweight="bold" if index == 0 else "normal", linespacing=1.3,
            )  # fmt: skip
            left += width
        top += height
    axes.axhline(top, color="0.2", linewidth=1.2 * scale, clip_on=False)


def _row(rows: pd.DataFrame, references: list[str]) -> list[str]:
    """Cells of one system. What it sends is the same in each of its rows, which differ in the reference."""
    first = rows.iloc[0]
    positions = f"{first['positions']:,.0f}" if first["positions"] > 0 else _MISSING
    cells = [_value(first, "bits"), positions, _value(first, "symbols")]
    for reference in references:
        against = rows[rows["reference"] == reference]
        cells.append(_value(against.iloc[0], "ratio") if len(against) else _MISSING)
    return cells


def _value(row: pd.Series[float], measure: str) -> str:
    """A measure with its interval below, rounded to what the interval tells."""
    value, low, high = (row[name] for name in (_COLUMNS.get(measure, measure), f"{measure}_low", f"{measure}_high"))
    if _empty(value):
        return _MISSING
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    shown = f"{value:,.{digits}f}×" if measure == "ratio" else f"{value:,.{min(digits, 1)}f}".removesuffix(".0")
    if _empty(low) or f"{low:,.{digits}f}" == f"{high:,.{digits}f}":
        return shown
    return f"{shown}\n[{low:,.{digits}f}, {high:,.{digits}f}]"


_COLUMNS = {"bits": "bits_per_image", "symbols": "symbols_per_image"}


def _empty(value: float) -> bool:
    return bool(value != value)  # NaN


FIGURE = base.Figure(
    tables=("overhead",),
    shows=(shown.classifiers,),
    draw=draw,
    caption="""
What each scheme sends per image

Mean bits before channel coding, patches sent, and complex symbols per image, and how many times more symbols the
separation-based JPEG baselines take; over {{ params.recognition.images | number }} test images of {{ dataset }}. In
brackets: 95% bootstrap intervals over images; without them every image takes the same. The ratio depends on what the
files are charged for: a JPEG file counts with its header and tables, its payload without.
""",
)
