"""What is weak in the codes themselves: absorbing and trapping sets by size, and codewords by weight."""

from __future__ import annotations

import numpy as np
import pandas as pd
import seaborn
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from semrobust.figures import base, canvas, shown

_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p")
_DARK = (0.3, 0.3, 0.3)
_FEW = 0.6  # lower end of the logarithmic axes: a single set is clear of it
_FAMILIES = {
    "nr": "5G NR code",
    "regular": "regular code",
    "peg": "PEG code",
    "alist": "code of a file",
    "custom": "code",
}


def draw(inputs: base.FigureInputs) -> Figure:
    """Two panels per code: sets over their size, for each number of unsatisfied checks; codewords over their weight.

    A code that several systems share stands under the name of the first.
    """
    table = inputs.tables["code_structure"]
    systems = list(dict.fromkeys(table["system"]))
    figure = canvas.sheet(1.5 + 1.35 * max(1, len(systems)))
    panels = figure.subplots(max(1, len(systems)), 2, sharex="col", sharey=True, squeeze=False, width_ratios=(1.5, 1))
    of_sets = table[table["kind"].isin(["trapping_set", "absorbing_set"]) & (table["count"] > 0)]
    odd = sorted(set(of_sets["b"].astype(int)))
    tones = dict(zip(odd, seaborn.color_palette(inputs.settings["plot"]["palette"], len(odd)), strict=True))
    looks, labels = base.looks(inputs, "systems"), dict(inputs.settings["labels"]["systems"])
    for study, members in inputs.settings["labels"]["studies"].items():
        labels |= {name: f"{study}: {label}" for name, label in members.items()}
    for (left, right), name in zip(panels, systems, strict=False):
        rows = table[table["system"] == name]
        look = looks.get(name)
        color = look.color if look else _DARK
        _sets(left, of_sets[of_sets["system"] == name], tones)
        _codewords(right, rows[rows["kind"] == "codeword"], color)
        code = rows.iloc[0]
        left.set_title(labels[name], color=color, loc="left")
        right.set_title(
            f"{_FAMILIES.get(code['family'], 'code')} ({code['n']:.0f}, {code['k']:.0f}), girth {code['girth']:.0f}",
            loc="left",
        )
        left.set_ylabel("number (sets)")
    for axes in panels.flat:
        axes.set_yscale("log")
        axes.set_ylim(bottom=_FEW)
    panels[-1, 0].set_xlabel("size a (variable nodes)")
    panels[-1, 0].locator_params(axis="x", integer=True)
    panels[-1, 1].set_xlabel("weight (transmitted bits)")
    panels[-1, 1].locator_params(axis="x", integer=True)
    figure.legend(handles=_legend(tones), loc="outside upper center", ncols=4)
    notes = [
        "Absorbing set: if its a bits are wrong, b checks are unsatisfied, and each bit has more satisfied checks than "
        "unsatisfied ones. Dotted: trapping sets that contain a cycle, absorbing or not.",
        "Filled: all there are, by an exact search. Hollow and dotted: those found by a search that is not exhaustive, "
        "so lower bounds.",
    ]
    canvas.footer(figure, inputs, [], notes)
    return figure


def _sets(axes: Axes, rows: pd.DataFrame, tones: dict[int, base.Color]) -> None:
    """Absorbing sets with markers, hollow where there may be more; all trapping sets as thin lines."""
    scale = canvas.scale()
    for place, (odd, color) in enumerate(tones.items()):
        of_odd = rows[rows["b"] == odd].sort_values("a")
        every = of_odd[of_odd["kind"] == "trapping_set"]
        axes.plot(every["a"], every["count"], color=color, linestyle=":", linewidth=0.9 * scale)
        absorbing = of_odd[of_odd["kind"] == "absorbing_set"]
        (line,) = axes.plot(absorbing["a"], absorbing["count"], color=color, marker=_MARKERS[place % len(_MARKERS)])
        bounds = np.where(absorbing["complete"].astype(bool), np.nan, absorbing["count"])
        axes.plot(
            absorbing["a"], bounds, linestyle="none", marker=line.get_marker(), color=color, markerfacecolor="white",
            zorder=line.get_zorder() + 0.1,
        )  # fmt: skip


def _codewords(axes: Axes, rows: pd.DataFrame, color: base.Color) -> None:
    """Stems over the number of transmitted ones; and up to which size there are provably none."""
    found = rows[rows["count"] > 0].groupby("weight").agg({"count": "sum", "complete": "all"}).reset_index()
    axes.vlines(found["weight"], _FEW, found["count"], color=color, linewidth=0.8 * canvas.scale())
    for complete, face in ((True, color), (False, "white")):
        part = found[found["complete"] == complete]
        axes.plot(part["weight"], part["count"], linestyle="none", marker="o", color=color, markerfacecolor=face)
    proven = rows[(rows["count"] == 0) & rows["complete"].astype(bool)]["a"]
    if len(proven) and not (rows["a"][rows["count"] > 0] <= proven.max()).any():
        said = f"none of up to {proven.max():.0f} nodes" + ("" if len(found) else ",\nnone found beyond")
        axes.text(0.04, 0.93, said, transform=axes.transAxes, va="top", fontsize=canvas.SMALL * canvas.scale())


def _legend(tones: dict[int, base.Color]) -> list[Artist]:
    from matplotlib.lines import Line2D

    return [
        Line2D([], [], color=color, marker=_MARKERS[place % len(_MARKERS)], label=f"b = {odd}")
        for place, (odd, color) in enumerate(tones.items())
    ]


FIGURE = base.Figure(
    tables=("code_structure",),
    shows=(shown.systems, shown.studies),
    draw=draw,
    caption="""
What is weak in the LDPC codes themselves

One row per attacked code. Left: number of absorbing sets by size a (bits) and number b of unsatisfied checks; dotted:
trapping sets that contain a cycle. Right: number of codewords by weight, and up to which size an exact search proves
that there are none. Filled: all there are; hollow and dotted: found by a search that is not exhaustive, so lower
bounds. Depends on the codes alone, not on images or channel. Look at codes with many small sets: those are what the
vulnerable set attack aims at.
""",
)
