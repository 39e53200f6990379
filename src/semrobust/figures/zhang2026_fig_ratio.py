"""Zhang 2026, the central claim: how much more power the attacker of a semantic system needs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from semrobust.figures import base, canvas, shown

_CLAIM = (14.0, 16.0)
_COLUMNS = ("ratio", "ratio_low", "ratio_high")
_PANELS = {
    ("all", "median"): "medians over all images",
    ("ruinable", "mean"): "means over images that a failed decode ruins",
}
_SHOWN = (0.01, 1000.0)  # beyond, one side needs next to nothing, and the size of the ratio says no more
_EDGES = {math.inf: f">{_SHOWN[1]:g}", 0.0: f"<{_SHOWN[0]:g}"}


@dataclass(frozen=True)
class _Line:
    """One pair of systems in one panel."""

    axes: Axes
    look: base.Look
    rows: pd.DataFrame


def draw(inputs: base.FigureInputs) -> Figure:
    """Least power on the semantic side over least power on the classical side, by SNR, for every pair.

    Chains that change one thing of a main one are thin lines: what counts is where they lie, and which lies lowest.
    """
    table = inputs.tables["power_ratio"]
    rows = _clipped(base.feasible(table[table["semantic_attack"] == base.BEST_OF]))
    figure = canvas.sheet(4.8)
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    lines = []
    for axes, ((population, statistic), title) in zip(panels, _PANELS.items(), strict=True):
        axes.set_title(title)
        base.label_snr(axes)
        chosen = rows[(rows["population"] == population) & (rows["statistic"] == statistic)]
        _studied(axes, inputs, chosen)
        lines += [_Line(axes, look, pair) for look, pair in _pairs(inputs, chosen)]
    limits = _limits(rows)
    for axes in panels:
        axes.axhline(1, color="0.25", linewidth=1, gid="reference")
        axes.axhspan(*_CLAIM, color="0.6", alpha=0.5, linewidth=0)
    for line in lines:
        _draw(line, limits)
    panels[0].set_yscale("log")
    panels[0].set_ylim(limits)
    ticks = _ticks(limits)
    for value, name in _EDGES.items():
        ticks |= _edge(panels, lines, value, name)
    panels[0].set_yticks(list(ticks), list(ticks.values()))
    panels[0].minorticks_off()
    panels[0].set_ylabel("attack power ratio, semantic ÷ classical (×)")
    figure.legend(handles=_legend(inputs, rows), loc="outside upper center", ncols=3)
    notes = [
        "Each side is attacked by its best attack per image. Bands: 95% interval, paired bootstrap over images.",
        "Hollow: some images withstood every power tried and count with the largest one, so the mean is only a bound.",
        *_who(inputs, rows),
        "Grey strips: off the scale, ∞ and 0 among them: the channel alone ruins nearly all images of one side. "
        "Without a marker: undefined (0 ÷ 0 or ∞ ÷ ∞).",
    ]
    for side in ("semantic_system", "classical_system"):
        notes += base.infeasible_note(table, inputs, side)
    canvas.footer(figure, inputs, (rows if len(rows) else table)["n_images"].tolist(), notes)
    return figure


def _pairs(inputs: base.FigureInputs, rows: pd.DataFrame) -> Iterator[tuple[base.Look, pd.DataFrame]]:
    """Rows of each pair with its look: colour of the semantic system, marker and dashes of the classical one."""
    looks = base.looks(inputs, "systems").items()
    for (top, semantic), (bottom, classical) in product(looks, looks):
        pair = rows[(rows["semantic_system"] == top) & (rows["classical_system"] == bottom)]
        if len(pair):
            yield replace(classical, color=semantic.color), pair.sort_values("snr_db")


def _studied(axes: Axes, inputs: base.FigureInputs, rows: pd.DataFrame) -> None:
    """Thin lines for the pairs with a system of a study, in the colour of the semantic system."""
    looks, scale = base.looks(inputs, "systems"), canvas.scale()
    others = inputs.settings["labels"]["studied"]
    for (top, bottom), pair in rows.groupby(["semantic_system", "classical_system"], sort=False):
        if top in others or bottom in others:
            ratio = pair.sort_values("snr_db").set_index("snr_db")["ratio"].replace([0.0, math.inf], math.nan)
            color = looks[top].color if top in looks else (0.5, 0.5, 0.5)
            axes.plot(
                ratio.index, ratio, color=color, alpha=0.5, linewidth=0.5 * scale, marker=".", markersize=2 * scale,
                zorder=1,
            )  # fmt: skip


def _who(inputs: base.FigureInputs, rows: pd.DataFrame) -> list[str]:
    """Which chains the thin lines are, which of all is the hardest to break, and who takes no part and why."""
    labels = inputs.settings["labels"]
    found = set(rows["semantic_system"]) | set(rows["classical_system"])
    thin = [label for name, label in labels["studied"].items() if name in found]
    notes = [f"Thin: {len(thin)} more chains, named in power_ratio.csv."] if thin else []
    medians = rows[(rows["population"] == "all") & (rows["statistic"] == "median") & np.isfinite(rows["ratio"])]
    if thin and len(medians):
        last = medians[medians["snr_db"] == medians["snr_db"].max()]
        hardest = last.loc[last["ratio"].idxmin()]
        names = labels["systems"] | labels["studied"]
        notes.append(
            f"Lowest of the medians at {hardest['snr_db']:g} dB: {names[hardest['semantic_system']]} ÷ "
            f"{names[hardest['classical_system']]}, {hardest['ratio']:.2g}."
        )
    return notes + [f"Left out: {label} ({reason})." for label, reason in inputs.settings["left_out"].items()]


def _clipped(rows: pd.DataFrame) -> pd.DataFrame:
    """Ratios off the scale become ∞ or 0, which lie in the strips; intervals end where the scale ends."""
    value, *ends = _COLUMNS
    low, high = _SHOWN
    inside = {end: rows[end].clip(low, high) for end in ends}
    beyond = rows[value].mask(rows[value] > high, math.inf).mask(rows[value] < low, 0.0)
    return rows.assign(**inside, **{value: beyond})


def _limits(rows: pd.DataFrame) -> tuple[float, float]:
    """Ends of the logarithmic axis: all finite ratios and interval ends, and the claim."""
    values = rows[list(_COLUMNS)].to_numpy(dtype=float)
    shown = np.append(values[np.isfinite(values) & (values > 0)], [1.0, _CLAIM[1]])
    return float(shown.min() / 1.5), float(shown.max() * 1.5)


def _ticks(limits: tuple[float, float]) -> dict[float, str]:
    """Labels of the logarithmic axis by position: written out, and finer where it spans little."""
    bottom, top = (math.log10(limit) for limit in limits)
    digits = (1, 2, 5) if top - bottom < 2.5 else (1,)
    step = math.ceil((top - bottom) / 9)
    exponents = range(math.floor(bottom / step) * step, math.ceil(top) + 1, step)
    ticks = (digit * 10.0**exponent for exponent in exponents for digit in digits)
    return {tick: f"{tick:g}" for tick in ticks if limits[0] <= tick <= limits[1]}


def _legend(inputs: base.FigureInputs, rows: pd.DataFrame) -> list[Artist]:
    """Three columns: colours of the semantic systems, markers of the classical ones, and the references."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    looks = base.looks(inputs, "systems")
    semantic = [look for name, look in looks.items() if name in set(rows["semantic_system"])]
    classical = [look for name, look in looks.items() if name in set(rows["classical_system"])]
    columns: list[list[Artist]] = [
        [Line2D([], [], color=look.color, linewidth=3, label=look.label) for look in semantic],
        [
            Line2D([], [], color="0.3", marker=look.marker, linestyle=look.dashes, label=f"÷ {look.label}")
            for look in classical
        ],
        [
            Patch(color="0.6", alpha=0.5, linewidth=0, label=f"paper's claim: up to {_CLAIM[0]:g}–{_CLAIM[1]:g}×"),
            Line2D([], [], color="0.25", linewidth=1, label="equal"),
        ],
    ]
    if inputs.settings["labels"]["studied"]:
        columns[1].append(Line2D([], [], color="0.3", linewidth=0.5, marker=".", markersize=2, label="÷ other chains"))
    longest = max(len(column) for column in columns)
    for column in columns:  # matplotlib fills column after column, so short ones need blanks at their end
        column += [Line2D([], [], linestyle="none", label=" ")] * (longest - len(column))
    return [entry for column in columns for entry in column]


def _draw(line: _Line, limits: tuple[float, float]) -> None:
    """Finite ratios as a line; interval ends beyond the axis are cut there."""
    rows = line.rows.copy()
    drawn = np.isfinite(rows["ratio"]) & (rows["ratio"] > 0)
    rows[list(_COLUMNS)] = rows[list(_COLUMNS)].clip(*limits).where(drawn)
    # a median of all images is exact as long as it is finite; a mean over censored images is a bound
    bound = (rows["n_censored"] > 0) & (rows["statistic"] == "mean")
    base.curve(line.axes, rows, _COLUMNS, line.look, bound)


def _edge(panels: Sequence[Axes], lines: list[_Line], value: float, name: str) -> dict[float, str]:
    """Show ratios that no logarithmic axis holds as markers in a grey strip beyond its end; returns its tick."""
    beyond = [line for line in lines if (line.rows["ratio"] == value).any()]
    if not beyond:
        return {}
    bottom, top = panels[0].get_ylim()
    slots = max(sum(line.axes is axes for line in beyond) for axes in panels) + 1
    height = (top / bottom) ** (0.04 * slots)
    low, high = (top, top * height) if value else (bottom / height, bottom)
    panels[0].set_ylim(min(bottom, low), max(top, high))
    for axes in panels:
        axes.axhspan(low, high, color="0.94", linewidth=0, zorder=0)
        for slot, line in enumerate((line for line in beyond if line.axes is axes), start=1):
            snr_db = line.rows.loc[line.rows["ratio"] == value, "snr_db"]
            y = low * (high / low) ** (slot / slots)
            axes.plot(snr_db, [y] * len(snr_db), linestyle="none", marker=line.look.marker, color=line.look.color)
    return {(low * high) ** 0.5: name}


FIGURE = base.Figure(
    tables=("power_ratio",),
    shows=(shown.systems, shown.compared, shown.studies, shown.rungs),
    draw=draw,
    caption="""
Attack power needed against DeepJSCC over that against the chains

Ratio of least attack powers, semantic ÷ classical, each side under its best attack on each image, over the channel
SNR. Left: ratio of medians over all {{ attacked }} attacked test images of
{{ dataset }}, which the claims rest on; right: ratio of means over those that both sides can send and that a failed
decode ruins. Bands: paired
95% bootstrap intervals over images. Markers in the grey strips lie beyond the scale, 0 and ∞ among them: there the
channel alone ruins nearly all images of one side. Thin lines: every other attacked chain; which systems are left out,
and why, is said below. Above 1 DeepJSCC is harder to break. Look at where the lines lie
against the grey band, the paper's "up to 14–16 times".
""",
)
