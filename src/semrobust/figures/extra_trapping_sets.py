"""What is weak in the codes themselves: their smallest absorbing sets and their lightest codewords."""

from __future__ import annotations

import itertools

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from semrobust.figures import base, canvas, palette, shown

_MARKERS = ("o", "s", "^", "D", "v", "P", "h", "p")
_LINE = 0.27  # inches
_FAMILIES = {"nr": "5G NR", "regular": "regular", "peg": "PEG", "alist": "of a file", "custom": "other"}
_SETS, _WORDS = "absorbing_set", "codeword"
_WORD = base.Look("codeword", (0.2, 0.2, 0.2), "o", "-")


def draw(inputs: base.FigureInputs) -> Figure:
    """One row per code: size of its smallest absorbing set by number of unsatisfied checks, and its lightest codeword.

    A code that several systems share stands under the name of the first.
    """
    table = inputs.tables["code_structure"]
    systems = list(dict.fromkeys(table["system"]))
    labels = dict(inputs.settings["labels"]["systems"])
    for study, members in inputs.settings["labels"]["studies"].items():
        labels |= {name: label if label.startswith(study) else f"{study}: {label}" for name, label in members.items()}
    sets = table[(table["kind"] == _SETS) & (table["count"] > 0)]
    odd = sorted(set(sets["b"].astype(int)))
    colors = dict(zip(odd, palette.tones(len(odd)), strict=True))
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
        absorbing, codewords = (rows[rows["kind"] == kind] for kind in (_SETS, _WORDS))
        _none(left, [absorbing[absorbing["b"] == b] for b in odd], place)
        for b, look in looks.items():
            _least(left, sets[(sets["system"] == name) & (sets["b"] == b)], "a", look, place)
        _none(right, [codewords], place)
        _least(right, codewords[codewords["count"] > 0], "weight", _WORD, place)
    left.set_yticks(range(len(names)), names)
    left.set_ylim(max(len(names), 1) - 0.4, -0.6)
    left.set_xlabel("smallest absorbing set: a (bits)")
    right.set_xlabel("lightest codeword (bits)")
    for axes in (left, right):
        axes.locator_params(axis="x", integer=True)
        axes.set_xlim(left=0)
    figure.legend(handles=_legend(list(looks.values())), loc="outside upper center", ncols=6)
    notes = [
        "Absorbing set: if its a bits are wrong, b checks are unsatisfied, and each bit has more satisfied checks than "
        "unsatisfied ones. Filled: there is no smaller one, by an exact search. Hollow: found by a search that is not "
        "exhaustive, so a smaller one may exist. Bar: sizes (bits, punctured ones among them) up to which an exact "
        "search finds none; of absorbing sets, none for any b in the legend. The table counts sets of all sizes.",
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


def _none(axes: Axes, kinds: list[pd.DataFrame], place: int) -> None:
    """A bar over the sizes from 1 up to which an exact search finds none of any kind."""
    sizes = [_proven(rows) for rows in kinds]
    if sizes and min(sizes) > 0:
        axes.barh(place, min(sizes), height=0.5, color="0.85", linewidth=0, zorder=0)


def _proven(rows: pd.DataFrame) -> int:
    """Up to which size an exact search finds none; there may be larger sizes of which it finds none, either."""
    none = set(rows.loc[(rows["count"] == 0) & rows["complete"].astype(bool), "a"].astype(int))
    return next(size for size in itertools.count() if size + 1 not in none)


def _legend(looks: list[base.Look]) -> list[Artist]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    sets = [Line2D([], [], color=one.color, marker=one.marker, linestyle="none", label=one.label) for one in looks]
    word = Line2D([], [], color=_WORD.color, marker=_WORD.marker, linestyle="none", label=_WORD.label)
    return [*sets, word, Patch(color="0.85", label="none up to here")]


FIGURE = base.Figure(
    tables=("code_structure",),
    shows=(shown.systems, shown.studies),
    draw=draw,
    caption="""
What is weak in the LDPC codes themselves

One row per attacked code. Left: size a (bits) of its smallest absorbing set for each number b of unsatisfied checks.
Right: weight of its lightest codeword. Bars: up to which size an exact search finds none at all. Filled: exact;
hollow: found by a search that is not exhaustive. Depends on the codes alone, not on images or channel. Look at codes
with small sets: those are what the vulnerable set attack aims at. Numbers of sets by size are in the table.
""",
)
