"""Zhang 2026, the central claim: how much more power the attacker of a semantic system needs."""

from __future__ import annotations

import textwrap

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from semrobust.figures import base, canvas, palette, shown

CLAIM = (14.0, 16.0)
"""How many times more power the paper says that DeepJSCC needs, at most."""

_COLUMNS = ("ratio", "ratio_low", "ratio_high")
_SHOWN = (0.1, 100.0)  # beyond, one side needs next to nothing, and the size of the ratio says no more
_GREY = (0.55, 0.55, 0.55)
_TITLE_CHARACTERS = 44
_ROOM = 1.2  # below the lowest point, for its name
_SEMANTIC, _CLASSICAL = "semantic_system", "classical_system"
_OTHERS = {_CLASSICAL: "baseline", _SEMANTIC: "network"}


def draw(inputs: base.FigureInputs) -> Figure:
    """Least power on the semantic side over least power on the classical side, by SNR.

    Left: the first network over every baseline; right: every network over the first. Systems of studies are grey.
    """
    table = inputs.tables["power_ratio"]
    rows = base.feasible(table)
    rows = rows[(rows["semantic_attack"] == base.BEST_OF) & (rows["population"] == "all")]
    rows = within(rows[rows["statistic"] == "median"], _SHOWN)
    looks = palette.looks(inputs, "systems")
    first = {side: next((name for name in looks if name in set(rows[side])), "") for side in (_SEMANTIC, _CLASSICAL)}
    figure = canvas.sheet(4.4)
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    for axes, fixed, varied in zip(panels, first, reversed(first), strict=True):
        _panel(axes, inputs, rows[rows[fixed] == first[fixed]], varied)
        axes.axhline(1, color="0.25", linewidth=1, gid="reference")
        axes.axhspan(*CLAIM, color="0.6", alpha=0.5, linewidth=0)
        if first[fixed]:
            label = looks[first[fixed]].label
            said = f"{label} ÷ each baseline" if fixed == _SEMANTIC else f"each network ÷ {label}"
            axes.set_title(textwrap.fill(said, _TITLE_CHARACTERS))
        base.label_snr(axes)
    panels[0].set_yscale("log")
    panels[0].set_ylim(bottom=panels[0].get_ylim()[0] / _ROOM)
    base.plain_ticks(panels[0].yaxis)
    panels[0].set_ylabel("attack power ratio, semantic ÷ classical (×)")
    figure.legend(handles=_legend(inputs, rows), loc="outside upper center", ncols=3)
    notes = [
        "Medians over all attacked images, each side under its best attack on each. Bands: 95% interval, paired "
        "bootstrap over images. No point: the channel alone breaks half of the images of one side, half withstand "
        f"every attack, or the ratio is not between {_SHOWN[0]:g} and {_SHOWN[1]:g}.",
        *_who(inputs, rows),
    ]
    for side in first:
        notes += base.infeasible_note(table, inputs, side)
    canvas.footer(figure, inputs, (rows if len(rows) else table)["n_images"].tolist(), notes)
    return figure


def _panel(axes: Axes, inputs: base.FigureInputs, rows: pd.DataFrame, varied: str) -> None:
    """One line for each system on the side `varied`: those of studies thin and grey, the lowest of them named."""
    scale, grey = canvas.scale(), inputs.settings["labels"]["studied"]
    for name in grey:
        of = rows[rows[varied] == name].sort_values("snr_db")
        if len(of):
            axes.plot(
                of["snr_db"], of["ratio"], color=_GREY, linewidth=0.5 * scale, marker=".", markersize=2 * scale,
                zorder=1,
            )  # fmt: skip
    last = rows[rows[varied].isin(grey) & (rows["snr_db"] == rows["snr_db"].max())].dropna(subset=["ratio"])
    if len(last):
        lowest = last.loc[last["ratio"].idxmin()]
        axes.annotate(
            grey[lowest[varied]], (lowest["snr_db"], lowest["ratio"]), xytext=(0, -3 * scale),
            textcoords="offset points", ha="right", va="top", color="0.35", fontsize=canvas.SMALL * scale,
        )  # fmt: skip
    for name, look in palette.looks(inputs, "systems").items():
        of = rows[rows[varied] == name].sort_values("snr_db")
        if len(of):
            base.curve(axes, of, _COLUMNS, look)


def within(rows: pd.DataFrame, shown: tuple[float, float]) -> pd.DataFrame:
    """Nothing in place of ratios beyond what is shown, 0 and ∞ among them; intervals end where the scale ends."""
    value, *ends = _COLUMNS
    inside = rows[value].between(*shown)
    return rows.assign(
        **{value: rows[value].where(inside)}, **{end: rows[end].clip(*shown).where(inside) for end in ends}
    )


def _who(inputs: base.FigureInputs, rows: pd.DataFrame) -> list[str]:
    """How many systems are grey, which pair of all has the lowest ratio, and who takes no part and why."""
    labels = inputs.settings["labels"]
    counts = {word: len(set(rows[side]) & set(labels["studied"])) for side, word in _OTHERS.items()}
    grey = [f"{count} more {word}{'s' * (count > 1)}" for word, count in counts.items() if count]
    notes = [f"Grey: {' and '.join(grey)}, named in power_ratio.csv."] if grey else []
    known = rows.dropna(subset=["ratio"])
    if grey and len(known):
        last = known[known["snr_db"] == known["snr_db"].max()]
        lowest = last.loc[last["ratio"].idxmin()]
        names = labels["systems"] | labels["studied"]
        notes.append(
            f"Lowest of all at {lowest['snr_db']:g} dB: {names[lowest[_SEMANTIC]]} ÷ {names[lowest[_CLASSICAL]]}, "
            f"{lowest['ratio']:.2g}."
        )
    return notes + [f"Left out: {label} ({reason})." for label, reason in inputs.settings["left_out"].items()]


def _legend(inputs: base.FigureInputs, rows: pd.DataFrame) -> list[Artist]:
    """Three columns: the baselines of the left panel, the networks of the right one, and the references."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    looks, scale = palette.looks(inputs, "systems"), canvas.scale()

    def lines(side: str) -> list[Artist]:
        return [
            Line2D([], [], color=look.color, marker=look.marker, linestyle=look.dashes, label=look.label)
            for name, look in looks.items()
            if name in set(rows[side])
        ]

    columns = [
        lines(_CLASSICAL),
        lines(_SEMANTIC),
        [
            Patch(color="0.6", alpha=0.5, linewidth=0, label=f"paper's claim: up to {CLAIM[0]:g}–{CLAIM[1]:g}×"),
            Line2D([], [], color="0.25", linewidth=1, label="equal"),
        ],
    ]
    if inputs.settings["labels"]["studied"]:
        thin = Line2D([], [], color=_GREY, linewidth=0.5 * scale, marker=".", markersize=2 * scale, label="others")
        columns[0].append(thin)
    longest = max(len(column) for column in columns)
    for column in columns:  # matplotlib fills column after column, so short ones need blanks at their end
        column += [Line2D([], [], linestyle="none", label=" ")] * (longest - len(column))
    return [entry for column in columns for entry in column]


FIGURE = base.Figure(
    tables=("power_ratio",),
    shows=(shown.systems, shown.compared, shown.studies, shown.rungs),
    draw=draw,
    caption="""
Attack power against DeepJSCC over that against separation-based baselines

Ratio of least attack powers, semantic ÷ classical, each side under its best attack on each image, over the channel
SNR: medians over {{ attacked }} attacked test images of {{ dataset }}, which the claims rest on. Left: the first
network over each baseline; right: each network over the first. Bands: paired 95% bootstrap intervals over images.
Without a point, the channel alone breaks half of the images of one side. Grey: every other attacked system; which
systems are left out, and why, is said below. Above 1 DeepJSCC is harder to break. Look at where the lines lie against
the grey band, the paper's "up to 14–16 times", and at how far the baselines lie apart. The table has means and other
populations.
""",
)
