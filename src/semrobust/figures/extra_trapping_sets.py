"""What is weak in the codes themselves: their smallest absorbing sets and their lightest codewords."""

from __future__ import annotations

import pandas as pd
import seaborn
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from semrobust.figures import base, canvas, shown

_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p")
_LINE = 0.27  # inches
_FAMILIES = {"nr": "5G NR", "regular": "regular", "peg": "PEG", "alist": "of a file", "custom": "other"}
_SETS = "absorbing_set"


def draw(inputs: base.FigureInputs) -> Figure:
    """One row per code: size of its smallest absorbing set by number of unsatisfied checks, and its lightest codeword.

    A code that several systems share stands under the name of the first.
    """
    table = inputs.tables["code_structure"]
    systems = list(dict.fromkeys(table["system"]))
    labels = dict(inputs.settings["labels"]["systems"])
    for study, members in inputs.settings["labels"]["studies"].items():
        labels |= {name: f"{study}: {label}" for name, label in members.items()}
    sets = table[(table["kind"] == _SETS) & (table["count"] > 0)]
    odd = sorted(set(sets["b"].astype(int)))
    colors = dict(zip(odd, seaborn.color_palette(inputs.settings["plot"]["palette"], len(odd)), strict=True))
    looks = {
        b: base.Look(f"b = {b}", color, _MARKERS[place % len(_MARKERS)], "-")
        for place, (b, color) in enumerate(colors.items())
    }
    figure = canvas.sheet(1.5 + _LINE * max(1, len(systems)))
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(1.4, 1))
    names = []
    for place, name in enumerate(systems):
        rows = table[table["system"] == name]
        code = rows.iloc[0]
        family = _FAMILIES.get(code["family"], "other")
        names.append(f"{labels[name]}\n{family} ({code['n']:.0f}, {code['k']:.0f}), girth {code['girth']:.0f}")
        for b, look in looks.items():
            _least(left, sets[(sets["system"] == name) & (sets["b"] == b)], "a", look, place)
        _codeword(right, rows[rows["kind"] == "codeword"], place)
    left.set_yticks(range(len(names)), names)
    left.set_ylim(max(len(names), 1) - 0.4, -0.6)
    left.set_xlabel("smallest absorbing set: a (bits)")
    right.set_xlabel("lightest codeword (bits)")
    for axes in (left, right):
        axes.locator_params(axis="x", integer=True)
        axes.set_xlim(left=0)
    figure.legend(handles=_legend(list(looks.values())), loc="outside upper center", ncols=5)
    notes = [
        "Absorbing set: if its a bits are wrong, b checks are unsatisfied, and each bit has more satisfied checks than "
        "unsatisfied ones. Filled: there is no smaller one, by an exact search. Hollow: found by a search that is not "
        "exhaustive, so a smaller one may exist. Bar: sizes (bits, punctured ones among them) up to which an exact "
        "search finds no codeword. The table counts sets of all sizes.",
    ]
    canvas.footer(figure, inputs, [], notes)
    return figure


def _least(axes: Axes, rows: pd.DataFrame, column: str, look: base.Look, place: int) -> None:
    """A marker at the least of these sets, hollow where it may not be the least there is."""
    if len(rows):
        least = rows.nsmallest(1, column).iloc[0]
        face = look.color if least["complete"] else "white"
        axes.plot(
            [least[column]], [place], linestyle="none", marker=look.marker, color=look.color, markerfacecolor=face
        )


def _codeword(axes: Axes, rows: pd.DataFrame, place: int) -> None:
    """The lightest that is known, behind a bar over the sizes that are proved to have none."""
    proven = rows[(rows["count"] == 0) & rows["complete"].astype(bool)]["a"]
    if len(proven):
        axes.barh(place, proven.max(), height=0.5, color="0.85", linewidth=0, zorder=0)
    _least(axes, rows[rows["count"] > 0], "weight", base.Look("", (0.2, 0.2, 0.2), "o", "-"), place)


def _legend(looks: list[base.Look]) -> list[Artist]:
    from matplotlib.lines import Line2D

    sets = [Line2D([], [], color=one.color, marker=one.marker, linestyle="none", label=one.label) for one in looks]
    return [*sets, Line2D([], [], color="0.2", marker="o", linestyle="none", label="codeword")]


FIGURE = base.Figure(
    tables=("code_structure",),
    shows=(shown.systems, shown.studies),
    draw=draw,
    caption="""
What is weak in the LDPC codes themselves

One row per attacked code. Left: size a (bits) of its smallest absorbing set for each number b of unsatisfied checks.
Right: weight of its lightest codeword, and up to which size an exact search proves that there is none. Filled: exact;
hollow: found by a search that is not exhaustive. Depends on the codes alone, not on images or channel. Look at codes
with small sets: those are what the vulnerable set attack aims at. Numbers of sets by size are in the table.
""",
)
