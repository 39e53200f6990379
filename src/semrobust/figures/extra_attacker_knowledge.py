"""How the comparison changes with what the attacker knows: from the channel alone to everything."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from semrobust.figures import base, canvas, shown

_NAMES = {
    "channel": "the channel alone",
    "receiver": "the receiver, not what is sent",
    "sent": "what is sent, not the receiver",
    "traffic": "what is sent, and past traffic",
    "all": "everything",
}
_SEMANTIC = ("semantic_power", "semantic_power_low", "semantic_power_high")
_CLASSICAL = ("classical_power", "classical_power_low", "classical_power_high")
_RATIO = ("ratio", "ratio_low", "ratio_high")
_LEAST = 1.0
_CLAIM = (14.0, 16.0)


def draw(inputs: base.FigureInputs) -> Figure:
    """Left the powers of both sides, right their ratio, over SNR; one row per chain, one colour per knowledge.

    The semantic system is the one that attacks of every level were run on.
    """
    table = inputs.tables["attacker_knowledge"]
    labels = inputs.settings["labels"]["systems"]
    levels = table.groupby("semantic_system")["knowledge"].nunique()
    semantic = str(levels.idxmax()) if len(levels) else ""
    table = table[table["semantic_system"] == semantic]
    looks = base.plain_looks(_NAMES, base.colors(inputs, len(_NAMES)))
    chains = list(dict.fromkeys(table["classical_system"]))
    figure = canvas.sheet(1.2 + 2.3 * max(1, len(chains)))
    panels = figure.subplots(max(1, len(chains)), 2, sharex=True, sharey="col", squeeze=False)
    for (left, right), chain in zip(panels, chains, strict=False):
        rows = table[table["classical_system"] == chain].sort_values("snr_db")
        right.axhspan(*_CLAIM, color="0.6", alpha=0.5, linewidth=0)
        right.axhline(1, color="0.25", linewidth=1, gid="reference")
        for level, look in looks.items():
            of_level = rows[rows["knowledge"] == level]
            _side(left, of_level, _SEMANTIC, replace(look, dashes="-"), of_level["semantic_censored"] > 0)
            dashed = replace(look, dashes="--")
            _side(left, of_level, _CLASSICAL, dashed, of_level["classical_censored"] > 0)
            censored = (of_level["semantic_censored"] > 0) | (of_level["classical_censored"] > 0)
            # where the chain loses its images by itself the size of the ratio says nothing
            works = of_level[_CLASSICAL[0]] >= _LEAST
            _side(right, of_level[works], _RATIO, look, censored[works])
        left.set_ylabel("median ‖s‖² (total)")
        left.set_title(
            f"power: solid {labels.get(semantic, semantic)}\ndashed {labels.get(chain, chain)}",
            fontsize=canvas.SMALL * canvas.scale(),
        )
        right.set_title("ratio, semantic ÷ classical (×)", fontsize=canvas.SMALL * canvas.scale())
        for axes in (left, right):
            axes.set_yscale("log")
            base.plain_ticks(axes.yaxis)
    for axes in panels[-1]:
        base.label_snr(axes)
    handles = {handle.get_label(): handle for axes in panels.flat for handle in _lines(axes)}
    if handles:
        ordered = [handles[name] for name in _NAMES.values() if name in handles]
        figure.legend(handles=ordered, loc="outside upper center", ncols=2, title="the attacker knows")
    notes = [
        f"Median power that brings an image to PSNR ≤ {inputs.settings['success_psnr_db']:g} dB under the best attack "
        "of each level, over all attacked images. Bands: 95% interval, bootstrap over images. Grey band: the paper's "
        "claim, up to 14–16. Hollow: some images withstood every power tried and count as ∞; no point: half of them.",
        f"Left out: medians below {_LEAST:g}, where the channel alone ruins half of the images.",
    ]
    canvas.footer(figure, inputs, table["n_images"].tolist() or [0], notes)
    return figure


def _lines(axes: Axes) -> list[Line2D]:
    """A solid line for each level that is drawn here, on whichever side."""
    drawn = axes.get_legend_handles_labels()[0]
    return [
        Line2D([], [], color=line.get_color(), marker=line.get_marker(), label=line.get_label())
        for line in drawn
        if isinstance(line, Line2D)
    ]


def _side(
    axes: Axes, rows: pd.DataFrame, columns: tuple[str, str, str], look: base.Look, censored: pd.Series[bool]
) -> None:
    rows = base.finite(rows, columns)
    shown = rows[columns[0]] > (_LEAST if columns is not _RATIO else 0)
    if shown.any():
        base.curve(axes, rows[shown], columns, look, censored[shown])


FIGURE = base.Figure(
    tables=("attacker_knowledge",),
    shows=(shown.systems, shown.ruin),
    draw=draw,
    caption="""
Attack power by what the attacker knows

Left: median energy ‖s‖² that ruins an image (PSNR ≤ {{ params.evaluation.success_psnr_db | number }} dB) under the best
attack of each level of knowledge, solid for DeepJSCC, dashed for the chain. Right: their ratio, semantic ÷ classical.
Rows: chains. Over the attacked test images of {{ dataset }}; bands: 95% bootstrap intervals over images. Below 1
DeepJSCC is easier to break. Attackers of both sides know the same. He who hears past traffic trains a decoder of his
own on one side, and recovers the code blindly on the other.
""",
)
