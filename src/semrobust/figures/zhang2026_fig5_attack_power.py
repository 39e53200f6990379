"""Zhang 2026, figure 5: the power that an attack needs to ruin an image, over SNR."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from semrobust.figures import base, canvas, shown

_COLUMNS = base.LEAST_POWER
_TITLE_CHARACTERS = 45
_LEGEND_COLUMNS = 3
_BELOW_ZERO = 0.6  # share of the linear part that is left free below 0, so that markers there are whole


def draw(inputs: base.FigureInputs) -> Figure:
    """Median least power ‖s‖² of every attack over SNR: one panel per system, all with the same axis."""
    given = inputs.settings
    uses = {name: int(given["real_uses"]) for name in given["labels"]["systems"]}
    return panels(
        inputs, inputs.tables["attack_power"], uses, f"brings an image to PSNR ≤ {given['success_psnr_db']:g} dB"
    )


def panels(inputs: base.FigureInputs, table: pd.DataFrame, uses: Mapping[str, int], ruin: str) -> Figure:
    """The figure of rows like those of `attack_power`; `uses` is N by system, `ruin` says what the least power does."""
    looks = base.looks(inputs, "systems")
    table = table[table["system"].isin(looks)]  # studies have a figure of their own
    rows = base.finite(base.feasible(table), _COLUMNS)
    systems = {name: look for name, look in looks.items() if name in set(rows["system"])}
    columns = 2 if len(systems) > 1 else 1
    lines = max(1, math.ceil(len(systems) / columns))
    legend = _legend(inputs, rows)
    figure = canvas.sheet(1.3 + 2.1 * lines + 0.14 * len(legend) / _LEGEND_COLUMNS)
    grid = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False)
    scale = base.power_scale(rows[_COLUMNS[0]])
    for axes in grid.flat[len(systems) :]:
        axes.remove()
    for axes, (name, look) in zip(grid.flat, systems.items(), strict=False):
        _panel(axes, rows[rows["system"] == name], look, inputs)
        axes.set_yscale(**scale)
        if "linthresh" in scale:
            edge = scale["linthresh"]
            axes.axhspan(-_BELOW_ZERO * edge, edge, color="0.94", linewidth=0, zorder=0)
    if systems and "linthresh" in scale:  # once all are drawn: a limit ends the scaling of the shared axis
        grid.flat[0].set_ylim(bottom=-_BELOW_ZERO * scale["linthresh"])
    for index, (axes, name) in enumerate(zip(grid.flat, systems, strict=False)):
        if index + columns >= len(systems):  # the lowest panel of its column
            axes.tick_params(labelbottom=True)
            base.label_snr(axes)
        if index % columns == 0:
            axes.set_ylabel("median attack power ‖s‖² (total)")
        _psr_axis(axes, uses[name], scale, labelled=index % columns == columns - 1)
    figure.legend(handles=legend, loc="outside upper center", ncols=_LEGEND_COLUMNS)
    notes = [
        f"Least power that {ruin}; bands: 95% interval, bootstrap over images.",
        "Median over all attacked images; one that withstood every power tried counts as ∞. No point: so do half of "
        "them. The table has means and other images, too.",
    ]
    if "linthresh" in scale:
        notes.append(
            f"At 0 the channel alone ruins half of the images; the axis is linear below {scale['linthresh']:g} (grey)."
        )
    canvas.footer(figure, inputs, table["n_images"].tolist(), notes + base.infeasible_note(table, inputs))
    return figure


def _panel(axes: Axes, rows: pd.DataFrame, look: base.Look, inputs: base.FigureInputs) -> None:
    """One system: its attacks as tones of its colour, told apart by marker and dashes."""
    attacks = {name: seen for name, seen in base.looks(inputs, "attacks").items() if name in set(rows["attack"])}
    tones = _tones(look.color, len(attacks))
    for (attack, seen), tone in zip(attacks.items(), tones, strict=True):
        of_attack = rows[rows["attack"] == attack].sort_values("snr_db")
        base.curve(axes, of_attack, _COLUMNS, replace(seen, color=tone))
    axes.set_title(textwrap.fill(look.label, _TITLE_CHARACTERS), color=look.color)


def _tones(color: base.Color, count: int) -> list[base.Color]:
    """Dark to light tones of a system's colour, one for each of its attacks."""
    tones = seaborn.blend_palette([(0.1, 0.1, 0.1), color, (0.93, 0.93, 0.93)], 101)
    return [tones[round(step)] for step in np.linspace(25, 65, count)]


def _legend(inputs: base.FigureInputs, rows: pd.DataFrame) -> list[Line2D]:
    """Markers of the attacks in grey, since the colour says which system."""
    from matplotlib.lines import Line2D

    return [
        Line2D([], [], color="0.3", marker=look.marker, linestyle=look.dashes, label=look.label)
        for attack, look in base.looks(inputs, "attacks").items()
        if attack in set(rows["attack"])
    ]


def _psr_axis(axes: Axes, uses: int, scale: dict[str, Any], labelled: bool) -> None:
    """Second scale at the right: the same power relative to the signal's, ‖z‖² = N = `uses`, in dB."""
    if scale["value"] == "linear":
        return
    bottom, top = axes.get_ylim()
    lowest, highest = (10 * math.log10(power / uses) for power in (max(bottom, scale.get("linthresh", 0)), top))
    step = 10 * max(1, math.ceil((highest - lowest) / 80))
    ticks = np.arange(math.ceil(lowest / step) * step, highest, step)
    right = axes.twinx()
    right.set_yscale(**scale)
    right.set_ylim(bottom, top)
    right.set_yticks(uses * 10 ** (ticks / 10), [f"{tick:g}".replace("-", "−") if labelled else "" for tick in ticks])
    right.minorticks_off()
    right.grid(False)
    if labelled:
        right.set_ylabel("PSR (dB)")


FIGURE = base.Figure(
    tables=("attack_power",),
    shows=(shown.systems, shown.studies, shown.rungs, shown.attacks, shown.ruin),
    draw=draw,
    caption="""
Least attack power by system, attack and channel SNR

Median energy ‖s‖² of the weakest perturbation found that brings a received image to a PSNR of
{{ params.evaluation.success_psnr_db | number }} dB or less; one panel per system, one line per attack. The signal has
energy N = {{ params.link.real_uses }}, so the right axis gives attack over signal power (PSR). Over
{{ attacked }} test images of {{ dataset }}; those that withstood every power tried
count as ∞, so an attack that spoils fewer than half has no point. Bands: 95% intervals, bootstrap over images; 0 means
that the channel alone ruins half of them. Look at the lowest line of each panel, the best attack known to us, and at
its distance to the paper's own attacks: PGA for DeepJSCC, the vulnerable set for chains.
""",
)
