"""How much more power the attacker of semantic feedback of channel states needs, under each criterion of success."""

from __future__ import annotations

from itertools import product

import pandas as pd
from matplotlib.figure import Figure

from semrobust.figures import base, canvas, palette, shown
from semrobust.figures.zhang2026_fig_ratio import within

_COLUMNS = ("ratio", "ratio_low", "ratio_high")
_SHOWN = (0.01, 100.0)  # beyond, the channel alone does nearly all of it on one side


def draw(inputs: base.FigureInputs) -> Figure:
    """Ratio of medians over SNR, best attacks on both sides, where both work.

    A row of panels for each criterion under which there is one, a column for each main baseline, a line for each main
    network.
    """
    rows = _ratios(inputs)
    looks = palette.looks(inputs, "systems")
    baselines = {name: look.label for name, look in looks.items() if name in set(rows["classical_system"])}
    labels = inputs.settings["labels"]["criteria"]
    criteria = [criterion for criterion in inputs.settings["criteria"] if criterion in set(rows["criterion"])]
    lines, columns = len(criteria) or 1, len(baselines) or 1
    figure = canvas.sheet(1.1 + 2.1 * lines)
    grid = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False)
    for axes, (criterion, baseline) in zip(grid.flat, product(criteria, baselines), strict=False):
        of_panel = rows[(rows["criterion"] == criterion) & (rows["classical_system"] == baseline)]
        for name, look in looks.items():
            pair = of_panel[of_panel["semantic_system"] == name]
            if len(pair):
                base.curve(axes, pair.sort_values("snr_db"), _COLUMNS, look)
        axes.axhline(1, color="0.25", linewidth=1, gid="reference")
        axes.set_title(f"÷ {baselines[baseline]}; {labels[criterion]}")
    for axes in grid[-1]:
        base.label_snr(axes)
    for axes in grid[:, 0]:
        axes.set_ylabel("attack power ratio (×)")
    grid.flat[0].set_yscale("log")
    for axes in grid.flat:
        base.plain_ticks(axes.yaxis)
    drawn = {label: line for axes in grid.flat for line, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    if drawn:
        figure.legend(drawn.values(), drawn.keys(), loc="outside upper center", ncols=2)
    else:
        base.nothing(grid.flat[0], "no ratio under any criterion")
    without = [labels[criterion] for criterion in inputs.settings["criteria"] if criterion not in criteria]
    notes = [
        "Ratio of medians over all attacked samples, each side under its best attack on each. Bands: 95% interval, "
        "paired bootstrap over samples. No point: the baseline loses blocks without an attack, the channel alone "
        "breaks half of the samples of a side, no attack breaks half of them, or the ratio is not between "
        f"{_SHOWN[0]:g} and {_SHOWN[1]:g}.",
        *([f"No point at all under: {'; '.join(without)}."] if without else []),
    ]
    counted = rows if len(rows) else inputs.tables["csi_power_ratio"]
    canvas.footer(figure, inputs, counted["n_images"].tolist(), notes, "samples")
    return figure


def _ratios(inputs: base.FigureInputs) -> pd.DataFrame:
    """Ratios of main systems that have a size, at the SNRs at which the baseline works."""
    table, clean = inputs.tables["csi_power_ratio"], inputs.tables["csi_clean"]
    rows = table[(table["semantic_attack"] == base.BEST_OF) & (table["population"] == "all")]
    main = set(inputs.settings["labels"]["systems"])
    rows = rows[(rows["statistic"] == "median") & rows["classical_system"].isin(main)]
    rows = within(rows[rows["semantic_system"].isin(main)], _SHOWN)
    works = clean.loc[clean["works"], ["system", "snr_db"]].rename(columns={"system": "classical_system"})
    return rows[rows["ratio"] > 0].merge(works, on=["classical_system", "snr_db"])


FIGURE = base.Figure(
    tables=("csi_power_ratio", "csi_clean"),
    shows=(shown.csi,),
    draw=draw,
    caption="""
Ratio of least attack powers on channel states

Least power that breaks a fed back channel state, of the semantic system over that of the separation-based baseline, by
channel SNR; one row of panels per criterion of success, one column per baseline, one line per network. Over
{{ params.evaluation.attack_images | number }} test samples of {{ csi }}, at the SNRs at which the baseline loses at
most {{ (100 * params.evaluation.most_lost) | number }}% of its blocks without an attack. Above 1 the network is harder
to break. Bands: 95% intervals, paired bootstrap over samples.
""",
)
