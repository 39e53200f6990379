"""Quality without an attack against the least power that an attack needs, and the fronts of both sides."""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from semrobust.figures import base, canvas, palette, shown
from semrobust.pipeline.numbers import interval

_SIDES = {"semantic": ("DeepJSCC family", "o"), "classical": ("baselines", "s")}
_VALUE, _LOW, _HIGH = base.LEAST_POWER
_GREY = (0.4, 0.4, 0.4)
_APART = 0.1
"""Least distance of two numbered points of one front, in sides of the panel."""
_QUESTIONS = {
    "zhang2026_equal_uses": "at equal N",
    "zhang2026_equal_quality": "at equal clean quality",
    "zhang2026_attacker_knows_traffic": "to an attacker who knows code or decoder",
    "zhang2026_attacker_knows_channel": "who knows the channel only",
    "zhang2026_attacker_knows_sent": "who knows what is sent only",
}
"""Claims that say who is harder to break, and under which condition."""


def draw(inputs: base.FigureInputs) -> Figure:
    """One panel per SNR: a point per system, a bar down to its certificate, a cross where the paper's attack is."""
    table = base.finite(base.feasible(inputs.tables["frontier"]), (_VALUE, _LOW, _HIGH))
    table = table.assign(paper_power=table["paper_power"].replace(math.inf, math.nan))
    table = table[table[_VALUE] > 0]
    labels = inputs.settings["labels"]["compared"]
    looks, of = palette.looks(inputs, "systems"), dict(zip(table["system"], table["side"], strict=True))
    colors = {side: next((looks[name].color for name in looks if of.get(name) == side), _GREY) for side in _SIDES}
    snrs_db = sorted(set(table["snr_db"])) or [math.nan]
    figure = canvas.sheet(5.2)
    panels = figure.subplots(1, len(snrs_db), sharey=True, squeeze=False)[0]
    for axes, snr_db in zip(panels, snrs_db, strict=True):
        rows = table[table["snr_db"] == snr_db]
        for side, color in colors.items():
            _panel(axes, rows[rows["side"] == side], color, _SIDES[side][1])
        axes.set_title("" if math.isnan(snr_db) else f"SNR {snr_db:g} dB")
        axes.set_xlabel("PSNR without an attack (dB)")
        axes.locator_params(axis="x", nbins=5, integer=True)
        works = rows[rows["works"]]
        if len(works):
            axes.set_xlim(works["psnr_db_low"].min() - 0.8, works["psnr_db_high"].max() + 1.2)
    panels[0].set_yscale("log")
    powers = table.loc[table["works"], ["certified_power", _LOW, _HIGH, "paper_power"]].to_numpy(dtype=float)
    powers = powers[np.isfinite(powers) & (powers > 0)]
    if powers.size:
        panels[0].set_ylim(powers.min() / 1.6, powers.max() * 1.6)
    base.plain_ticks(panels[0].yaxis)
    panels[0].set_ylabel("median attack power ‖s‖² (total)")
    fronts = [
        (axes, side, _apart(axes, of_side))
        for axes, snr_db in zip(panels, snrs_db, strict=True)
        for side, of_side in table[(table["snr_db"] == snr_db) & table["on_front"]].groupby("side")
    ]
    sides = {name: str(side) for _, side, named in fronts for name in named["system"]}
    ordered = sorted(sides, key=lambda name: (list(_SIDES).index(sides[name]), list(labels).index(name)))
    numbers = {name: str(number) for number, name in enumerate(ordered, start=1)}
    for axes, side, named in fronts:
        _name(axes, named, numbers, colors[str(side)])
    key = [
        Line2D(
            [], [], linestyle="none", marker=f"${number}$", markersize=6 * canvas.scale(), label=labels[name],
            color=colors[sides[name]],
        )
        for name, number in numbers.items()
    ]  # fmt: skip
    figure.legend(handles=[*_legend(colors), *key], loc="outside upper center", ncols=2)
    canvas.footer(figure, inputs, table["n_images"].tolist() or [0], _notes(inputs, table))
    return figure


def _apart(axes: Axes, front: pd.DataFrame) -> pd.DataFrame:
    """Whose number can be read: the ends of the front, and between them who stands apart from all chosen before."""
    front = front.sort_values("psnr_db")
    places = axes.transAxes.inverted().transform(axes.transData.transform(front[["psnr_db", _VALUE]].to_numpy()))
    chosen: list[int] = []
    for row in dict.fromkeys([0, len(front) - 1, *range(len(front))]):
        if all(math.dist(places[row], places[other]) >= _APART for other in chosen):
            chosen.append(row)
    return front.iloc[chosen]


def _name(axes: Axes, named: pd.DataFrame, numbers: dict[str, str], color: base.Color) -> None:
    scale = canvas.scale()
    for row in named.to_dict("records"):
        axes.annotate(
            numbers[row["system"]], (row["psnr_db"], row[_VALUE]), textcoords="offset points",
            xytext=(3.5 * scale, 2.5 * scale), color=color, fontsize=canvas.SMALL * scale, fontweight="bold",
        )  # fmt: skip


def _panel(axes: Axes, rows: pd.DataFrame, color: base.Color, marker: str) -> None:
    """One side: who works in its colour, the front filled and joined, who fails by itself faint."""
    scale = canvas.scale()
    for row in rows.sort_values("on_front").to_dict("records"):  # the front above who lies behind it
        x, y = row["psnr_db"], row[_VALUE]
        strength = 1.0 if row["works"] else 0.3
        if row["certified_power"] > 0:
            axes.vlines(x, row["certified_power"], y, color=color, alpha=0.5 * strength, linewidth=1.0 * scale)
            axes.plot(x, row["certified_power"], linestyle="none", marker="_", color=color, alpha=strength)
        axes.vlines(x, row[_LOW], row[_HIGH], color=color, alpha=strength, linewidth=2.2 * scale)
        axes.hlines(y, row["psnr_db_low"], row["psnr_db_high"], color=color, alpha=strength, linewidth=1.2 * scale)
        axes.plot(x, row["paper_power"], linestyle="none", marker="x", color=color, alpha=0.7 * strength)
        fill = color if row["on_front"] else "white"
        axes.plot(x, y, linestyle="none", marker=marker, color=color, alpha=strength, markerfacecolor=fill)
    front = rows[rows["on_front"]].sort_values("psnr_db")
    if len(front):
        _front(axes, front, color)


def _front(axes: Axes, front: pd.DataFrame, color: base.Color) -> None:
    """The most power that a quality can be had with: a staircase, with that of the interval ends as a band."""
    quality = front["psnr_db"].to_numpy()
    low, high = front[_LOW].to_numpy(), front[_HIGH].to_numpy()
    axes.fill_between(quality, low, high, step="pre", color=color, alpha=0.15, linewidth=0)
    axes.plot(quality, front[_VALUE], drawstyle="steps-pre", color=color, linewidth=0.9 * canvas.scale(), zorder=1)


def _legend(colors: dict[str, base.Color]) -> list[Artist]:
    """What markers and bars mean."""
    sides: list[Artist] = [
        Line2D([], [], color=colors[side], marker=marker, label=f"{label}: front filled, others hollow")
        for side, (label, marker) in _SIDES.items()
    ]
    return [
        *sides,
        Line2D([], [], color="0.3", marker="x", linestyle="none", label="by the paper's attack: PGA, vulnerable set"),
        Line2D([], [], color="0.3", marker="_", alpha=0.5, label="certified: no attack lies below"),
    ]


def _notes(inputs: base.FigureInputs, table: pd.DataFrame) -> list[str]:
    claims = {row["claim"]: row for row in inputs.tables["paper_vs_ours"].to_dict("records")}
    said = [
        f"{condition} {_who(row)} (×{interval(row['value'], row['value_low'], row['value_high'])})"
        for name, condition in _QUESTIONS.items()
        if (row := claims.get(name)) is not None and not math.isnan(row["value"])
    ]
    rates = table.loc[table["on_front"], "front_rate"]
    notes = [
        f"Median power of the best attack per image that brings it to PSNR ≤ {inputs.settings['success_psnr_db']:g} "
        f"dB, over all attacked images; all systems send N = {inputs.settings['real_uses']:,} real values. Thick bars "
        "and bands: 95% interval, bootstrap over images. Faint, or off the axes: the channel alone loses too many "
        "images for a claim. Thin bars end at the median certificate, of the images that have one; baselines have "
        "none. No cross: the paper's attack breaks fewer than half.",
    ]
    if len(rates):
        notes.append(f"Systems on a front are there in {rates.min():.0%} to {rates.max():.0%} of the resamples.")
    if said:
        notes.append(f"Harder to break, at the SNR that is worst for the semantic side: {'; '.join(said)}.")
    return notes


def _who(row: dict[Hashable, Any]) -> str:
    """The side that is certainly harder to break, by the interval of semantic ÷ classical."""
    if row["value_low"] > 1:
        return "the semantic side"
    return "the baselines" if row["value_high"] < 1 else "nobody surely"


FIGURE = base.Figure(
    tables=("frontier", "paper_vs_ours"),
    shows=(shown.systems, shown.sides, shown.success),
    draw=draw,
    caption="""
Quality without an attack against the power that an attack needs

Every attacked system of the headline at equal N = {{ params.link.real_uses }}: mean PSNR without an attack over all
test images of {{ dataset }}, and median least energy ‖s‖² over the first
{{ attacked }} of them, at {{ params.evaluation.frontier_snr_db | join(", ") }} dB or
the SNRs of the run next to these. Circles: the DeepJSCC family; squares: separation-based baselines. Filled: on the
front of its side, that is nobody of that side who works is better in both; numbered where there is room. Thick bars
and bands: 95% interval of a bootstrap over images. Thin bars go down to what is certified, crosses are what the
paper's own attacks would have said. Look at which front lies above at a given quality, at how far right each reaches,
and at how far the crosses lie above the points.
""",
)
