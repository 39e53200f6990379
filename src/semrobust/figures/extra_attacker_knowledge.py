"""How the comparison changes with what the attacker knows: from the channel alone to everything."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from semrobust.figures import base, canvas, palette, shown
from semrobust.figures.zhang2026_fig_ratio import CLAIM

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
_OFFSET = 0.16  # rows between the systems at one level


def draw(inputs: base.FigureInputs) -> Figure:
    """Left the powers of both sides, right their ratio, at one SNR; one row per level of knowledge.

    The semantic system is the one that attacks of every level were run on, the SNR the middle one.
    """
    table = inputs.tables["attacker_knowledge"]
    labels = inputs.settings["labels"]["systems"]
    levels = table.groupby("semantic_system")["knowledge"].nunique()
    semantic = str(levels.idxmax()) if len(levels) else ""
    table = table[table["semantic_system"] == semantic]
    snrs = sorted(set(table["snr_db"]))
    snr_db = snrs[len(snrs) // 2] if snrs else 0.0
    rows = table[table["snr_db"] == snr_db]
    looks = palette.looks(inputs, "systems")
    chains = {name: looks[name] for name in dict.fromkeys(rows["classical_system"])}
    places = {level: place for place, level in enumerate(_NAMES)}
    figure = canvas.sheet(3.3)
    left, right = figure.subplots(1, 2, sharey=True)
    for shift, (chain, look) in enumerate(chains.items(), start=1):
        of_chain = rows[rows["classical_system"] == chain]
        at = {level: place + _OFFSET * shift for level, place in places.items()}
        _points(left, of_chain, _CLASSICAL, look, at, "classical_censored")
        # where the baseline loses its images by itself the size of the ratio says nothing
        at = {level: place + _OFFSET * (shift - 0.5) for level, place in places.items()}
        _points(right, of_chain[of_chain[_CLASSICAL[0]] >= _LEAST], _RATIO, look, at, "classical_censored")
    if semantic in looks:
        once = rows.drop_duplicates("knowledge")
        _points(left, once, _SEMANTIC, looks[semantic], places, "semantic_censored")
    left.set_yticks([place + _OFFSET for place in places.values()], list(_NAMES.values()))
    left.set_ylim(len(places) - 0.3, -0.4)
    left.set_xlabel("median ‖s‖² (total)")
    right.axvspan(*CLAIM, color="0.6", alpha=0.5, linewidth=0, label="the paper's claim")
    right.axvline(1, color="0.25", linewidth=1, gid="reference")
    right.set_xlabel(f"{labels.get(semantic, 'semantic')} ÷ baseline (×)")
    left.set_ylabel("the attacker knows")
    for axes in (left, right):
        axes.set_xscale("log")
        base.plain_ticks(axes.xaxis)
    drawn = {
        label: handle
        for axes in (left, right)
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }  # fmt: skip
    if drawn:
        figure.legend(drawn.values(), drawn.keys(), loc="outside upper center", ncols=2)
    notes = [
        f"Median power that brings an image to PSNR ≤ {inputs.settings['success_psnr_db']:g} dB under the best attack "
        f"of each level, at {snr_db:g} dB, over all attacked images. Bars: 95% interval, bootstrap over images. Grey "
        "band: the paper's claim, up to 14–16. Hollow: some images withstood every power tried and count as ∞; no "
        "point: half of them, or no attack of this level.",
    ]
    canvas.footer(figure, inputs, rows["n_images"].tolist() or [0], notes)
    return figure


def _points(
    axes: Axes,
    rows: pd.DataFrame,
    columns: tuple[str, str, str],
    look: base.Look,
    at: Mapping[str, float],
    censored: str,
) -> None:
    """A marker with a bar for each level, hollow where images withstood."""
    for _, row in base.finite(rows, columns).iterrows():
        value, low, high = (float(row[column]) for column in columns)
        if not value > 0:
            continue
        ends = [[value - low], [high - value]] if np.isfinite([low, high]).all() else None
        axes.errorbar(
            [value], [at[str(row["knowledge"])]], xerr=ends, color=look.color, marker=look.marker, linestyle="none",
            elinewidth=0.8 * canvas.scale(), markerfacecolor="white" if row[censored] > 0 else look.color,
            label=look.label,
        )  # fmt: skip


FIGURE = base.Figure(
    tables=("attacker_knowledge",),
    shows=(shown.systems, shown.success),
    draw=draw,
    caption="""
Attack power by what the attacker knows

Left: median energy ‖s‖² that breaks an image (PSNR ≤ {{ params.evaluation.success_psnr_db | number }} dB) under the
best attack of each level of knowledge, for DeepJSCC and for each separation-based baseline, at the middle SNR. Right:
DeepJSCC over each baseline. Over the attacked test images of {{ dataset }}; bars: 95% bootstrap intervals over images.
Below 1 DeepJSCC is easier to break. Attackers of both sides know the same. He who hears past traffic trains a decoder
of his own on one side, and recovers the code blindly on the other. The table has all SNRs.
""",
)
