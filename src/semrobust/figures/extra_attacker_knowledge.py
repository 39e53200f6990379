"""How the comparison changes with what the attacker knows: from the channel alone to everything."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

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
            dashed = replace(look, dashes="--", label="_chain")
            _side(left, of_level, _CLASSICAL, dashed, of_level["classical_censored"] > 0)
            censored = (of_level["semantic_censored"] > 0) | (of_level["classical_censored"] > 0)
            # where the chain loses its images by itself the size of the ratio says nothing
            works = of_level[_CLASSICAL[0]] >= _LEAST
            _side(right, of_level[works], _RATIO, look, censored[works])
        left.set_ylabel("mean ‖s‖² (total)")
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
    handles = {handle.get_label(): handle for handle in panels[0, 0].get_legend_handles_labels()[0]}
    if handles:
        figure.legend(handles=list(handles.values()), loc="outside upper center", ncols=2, title="the attacker knows")
    notes = [
        f"Mean power that brings an image to PSNR ≤ {inputs.settings['success_psnr_db']:g} dB under the best attack "
        "of each level, over images that both can send and that a failed decode ruins. Bands: 95% interval, bootstrap "
        "over images. Grey band: the paper's claim, up to 14–16. Hollow: some images withstood every power tried.",
        f"Left out: means below {_LEAST:g}, where the channel alone ruins nearly all images.",
    ]
    canvas.footer(figure, inputs, table["n_images"].tolist() or [0], notes)
    return figure


def _side(
    axes: Axes, rows: pd.DataFrame, columns: tuple[str, str, str], look: base.Look, censored: pd.Series[bool]
) -> None:
    shown = rows[columns[0]] > (_LEAST if columns is not _RATIO else 0)
    if shown.any():
        base.curve(axes, rows[shown], columns, look, censored[shown])


FIGURE = base.Figure(
    tables=("attacker_knowledge",),
    shows=(shown.systems, shown.ruin),
    draw=draw,
    caption="""
Attack power by what the attacker knows

Left: mean energy ‖s‖² that ruins an image (PSNR ≤ {{ params.evaluation.success_psnr_db | number }} dB) under the best
attack of each level of knowledge, solid for DeepJSCC, dashed for the chain. Right: their ratio, semantic ÷ classical.
Rows: chains. Over the test images of {{ dataset }} that both sides can send and that a failed decode ruins; bands:
95% bootstrap intervals over images. Below 1 DeepJSCC is easier to break. Attackers of both sides know the same. He
who hears past traffic trains a decoder of his own on one side, and recovers the code blindly on the other.
""",
)
