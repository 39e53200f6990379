"""Zhang 2026, figure 5: the power that an attack needs to break an image, over SNR."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from semrobust.config.roles import PAPER_ATTACKS as PAPER
from semrobust.figures import base, canvas, palette, shown

_COLUMNS = base.LEAST_POWER
_TITLE_CHARACTERS = (70, 45, 28, 20)  # by the number of columns
_MOST = len(_TITLE_CHARACTERS)  # columns
_BELOW_ZERO = 0.6  # share of the linear part that is left free below 0, so that markers there are whole
_BLIND = "random_direction"  # a kind of attack
_GREY = (0.72, 0.72, 0.72)


def draw(inputs: base.FigureInputs) -> Figure:
    """Median least power ‖s‖² over SNR, a panel per system: the best attack, the paper's, a blind one, others."""
    given = inputs.settings
    uses = {name: int(given["real_uses"]) for name in given["labels"]["systems"]}
    return panels(
        inputs, inputs.tables["attack_power"], uses, f"brings an image to PSNR ≤ {given['success_psnr_db']:g} dB"
    )


def panels(
    inputs: base.FigureInputs, table: pd.DataFrame, uses: Mapping[str, int], breaks: str, of: str = "images"
) -> Figure:
    """The figure of rows like those of `attack_power`; `uses` is N by system, `breaks` what the least power does, and
    `of` what is sent."""
    looks = palette.looks(inputs, "systems")
    table = table[table["system"].isin(looks)]  # studies have a figure of their own
    rows = base.finite(base.feasible(table), _COLUMNS)
    systems = {name: look for name, look in looks.items() if name in set(rows["system"])}
    columns = min(len(systems), _MOST if len(systems) > 6 else 3 if len(systems) > 4 else 2) or 1
    lines = max(1, math.ceil(len(systems) / columns))
    figure = canvas.sheet(1.4 + 2.1 * lines)
    grid = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False)
    scale = base.power_scale(rows[_COLUMNS[0]])
    for axes in grid.flat[len(systems) :]:
        axes.remove()
    for axes, (name, look) in zip(grid.flat, systems.items(), strict=False):
        _panel(axes, rows[rows["system"] == name], look, inputs)
        axes.set_title(textwrap.fill(look.label, _TITLE_CHARACTERS[columns - 1]))
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
            if columns == _MOST:
                axes.set_xlabel("SNR (dB)")  # there is no room for more
        if index % columns == 0:
            axes.set_ylabel("median power ‖s‖² (total)")
        _psr_axis(axes, uses[name], scale, labelled=index % columns == columns - 1)
    figure.legend(handles=_legend(), loc="outside upper center", ncols=4)
    notes = [
        f"Least power that {breaks}; bands: 95% interval, bootstrap over {of}.",
        f"The attacks that the paper names: {_names(inputs, PAPER)}. {_cheapest(inputs, rows, systems)}",
        f"Median over all attacked {of}; one that withstood every power tried counts as ∞. No point: so do half of "
        f"them. The table has all attacks, means and other {of}.",
    ]
    if "linthresh" in scale:
        notes.append(
            f"At 0 the channel alone breaks half of the {of}; the axis is linear below {scale['linthresh']:g} (grey)."
        )
    canvas.footer(figure, inputs, table["n_images"].tolist(), notes + base.infeasible_note(table, inputs), of)
    return figure


def _panel(axes: Axes, rows: pd.DataFrame, look: base.Look, inputs: base.FigureInputs) -> None:
    """One system: three attacks that stand out, and all others thin behind them."""
    kinds = inputs.settings["attack_kinds"]
    named = [name for name in inputs.settings["labels"]["attacks"] if name in set(rows["attack"])]
    paper = next((name for name in named if kinds[name] in PAPER), None)
    blind = next((name for name in named if kinds[name] == _BLIND), None)
    for attack in named:
        if attack not in (paper, blind):
            of_attack = rows[rows["attack"] == attack].sort_values("snr_db")
            axes.plot(
                of_attack["snr_db"], of_attack[_COLUMNS[0]], color=_GREY, linewidth=0.5 * canvas.scale(),
                marker=".", markersize=1.5 * canvas.scale(),
            )  # fmt: skip
    for attack, seen in zip((blind, paper, base.BEST_OF), _looks(look.color), strict=True):
        base.curve(axes, rows[rows["attack"] == attack].sort_values("snr_db"), _COLUMNS, seen)


def _looks(color: base.Color) -> tuple[base.Look, base.Look, base.Look]:
    """Of a blind attack, the paper's, and the best: the dashes and markers say which, the colour says which system."""
    return (
        base.Look("random direction", color, "^", (0, (1, 1.2))),
        base.Look("the paper's attack", color, "s", "--"),
        base.Look("best of all attacks", color, "o", "-"),
    )


def _legend() -> list[Line2D]:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color="0.3", marker=look.marker, linestyle=look.dashes, label=look.label)
        for look in reversed(_looks((0.3, 0.3, 0.3)))
    ]
    return [
        *handles,
        Line2D([], [], color=_GREY, linewidth=0.6 * canvas.scale(), marker=".", label="each other attack"),
    ]


def _names(inputs: base.FigureInputs, kinds: Sequence[str]) -> str:
    """Labels of the first attack of each of these kinds."""
    given, labels = inputs.settings["attack_kinds"], inputs.settings["labels"]["attacks"]
    first = [next((name for name in labels if given[name] == kind), None) for kind in kinds]
    return ", ".join(labels[name] for name in first if name is not None)


def _cheapest(inputs: base.FigureInputs, rows: pd.DataFrame, systems: Mapping[str, base.Look]) -> str:
    """Which single attack needs the least median on each system at the highest SNR."""
    best = rows[(rows["attack"] == base.BEST_OF) & (rows["snr_db"] == rows["snr_db"].max())].dropna(subset="strongest")
    labels = inputs.settings["labels"]["attacks"]
    found: dict[str, list[str]] = {}
    for name in systems:
        for attack in best[best["system"] == name]["strongest"]:
            found.setdefault(labels[attack], []).append(systems[name].label)
    said = "; ".join(f"{attack} ({', '.join(on)})" for attack, on in found.items())
    return f"Least single attack at {rows['snr_db'].max():g} dB: {said}." if said else ""


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
    shows=(shown.systems, shown.studies, shown.rungs, shown.attacks, shown.success),
    draw=draw,
    caption="""
Least attack power by system, attack and channel SNR

Median energy ‖s‖² of the weakest perturbation found that brings a received image to a PSNR of
{{ params.evaluation.success_psnr_db | number }} dB or less; one panel per system. The signal has
energy N = {{ params.link.real_uses }}, so the right axis gives attack over signal power (PSR). Over
{{ attacked }} test images of {{ dataset }}; those that withstood every power tried
count as ∞, so an attack that breaks fewer than half has no point. Bands: 95% intervals, bootstrap over images; 0 means
that the channel alone breaks half of them. Look at the solid line, the best attack known to us on each image, and its
distance to the dashed one, our reading of what the paper attacks with: PGA for DeepJSCC, the vulnerable set for
separation-based baselines.
""",
)
