"""How much more power the attacker of semantic feedback of channel states needs, under each criterion of success."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

from matplotlib.artist import Artist
from matplotlib.figure import Figure

from semrobust.figures import base, canvas, shown

_COLUMNS = ("ratio", "ratio_low", "ratio_high")
_PER_LINE = 2


def draw(inputs: base.FigureInputs) -> Figure:
    """Ratio of medians over SNR, best attacks on both sides, for pairs of main systems; one panel per criterion."""
    table = inputs.tables["csi_power_ratio"]
    rows = table[(table["semantic_attack"] == base.BEST_OF) & (table["population"] == "all")]
    rows = base.finite(rows[rows["statistic"] == "median"], _COLUMNS)
    criteria = inputs.settings["labels"]["criteria"]
    figure = canvas.sheet(1.1 + 2.2 * -(-len(criteria) // _PER_LINE))
    grid = figure.subplots(-(-len(criteria) // _PER_LINE), _PER_LINE, sharex=True, sharey=True, squeeze=False)
    for axes in grid.flat[len(criteria) :]:
        axes.remove()
    looks = base.looks(inputs, "systems")
    drawn: dict[str, Artist] = {}
    for index, (axes, criterion) in enumerate(zip(grid.flat, inputs.settings["criteria"], strict=False)):
        of_criterion = rows[rows["criterion"] == criterion]
        for (top, semantic), (bottom, classical) in product(looks.items(), looks.items()):
            pair = of_criterion[(of_criterion["semantic_system"] == top) & (of_criterion["classical_system"] == bottom)]
            pair = pair[pair["ratio"] > 0].sort_values("snr_db")
            if len(pair):
                label = f"{semantic.label} ÷ {classical.label}"
                base.curve(axes, pair, _COLUMNS, replace(classical, color=semantic.color, label=label))
        axes.axhline(1, color="0.25", linewidth=1, gid="reference")
        axes.set_title(criteria[criterion])
        if not axes.get_legend_handles_labels()[0]:
            base.nothing(axes, "no ratio: broken by the channel,\nor by no attack")
        drawn |= {label: handle for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)}
        if index + _PER_LINE >= len(criteria):
            axes.tick_params(labelbottom=True)
            base.label_snr(axes)
        if index % _PER_LINE == 0:
            axes.set_ylabel("power, semantic ÷ classical (×)")
    grid.flat[0].set_yscale("log")
    for axes in grid.flat[: len(criteria)]:
        base.plain_ticks(axes.yaxis)
    if drawn:
        figure.legend(handles=list(drawn.values()), labels=list(drawn), loc="outside upper center", ncols=2)
    notes = [
        "Ratio of medians over all attacked samples, each side under its best attack on each. Bands: 95% interval, "
        "paired bootstrap over samples. No point: the ratio is 0 or undefined, as the channel alone breaks half of the "
        "samples of a side, or no attack breaks half of them.",
    ]
    canvas.footer(figure, inputs, table["n_images"].tolist(), notes, "samples")
    return figure


FIGURE = base.Figure(
    tables=("csi_power_ratio",),
    shows=(shown.csi,),
    draw=draw,
    caption="""
Ratio of least attack powers on channel states

Least power that breaks a fed back channel state, of the semantic system over that of the classical one, by channel SNR;
one panel per criterion of success, one line per pair of main systems. Over
{{ params.evaluation.attack_images | number }} test samples of {{ csi }}. Above 1 the semantic system is harder to
break. Bands: 95% intervals, paired bootstrap over samples.
""",
)
