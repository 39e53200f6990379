"""Zhang 2026, figure 4: how well each system sends images when nobody attacks."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING

from semrobust.figures import base, canvas, palette, shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw(inputs: base.FigureInputs) -> Figure:
    """Mean PSNR of the attacked systems over SNR, networks beside baselines.

    Lines without markers: what the best of all baselines of a source codec reaches at each SNR; beside the networks,
    that of the first one alone.
    """
    table = inputs.tables["clean"]
    rows, threshold = base.feasible(table), inputs.settings["success_psnr_db"]
    figure = canvas.sheet(4.0)
    networks, baselines = panels = figure.subplots(1, 2, sharey=True)
    for name, look in palette.looks(inputs, "systems").items():
        of_system = rows[rows["system"] == name].sort_values("snr_db")
        if len(of_system):
            axes = baselines if name in inputs.settings["rungs"] else networks
            base.curve(axes, of_system, ("psnr_db", "psnr_db_low", "psnr_db_high"), look)
    adaptive = base.feasible(inputs.tables["link_adaptation"]).groupby("source", sort=False)
    for place, ((source, best), dashes) in enumerate(zip(adaptive, cycle((":", "--")), strict=False)):
        label = f"{str(source).upper()}, best of {best['n_rungs'].iloc[0]} baselines"
        for axes in panels if place == 0 else (baselines,):
            axes.plot(best["snr_db"], best["psnr_db"], color="0.2", linestyle=dashes, label=label, gid="reference")
    for axes, title in zip(panels, ("networks", "separation-based baselines"), strict=True):
        axes.axhline(threshold, color="0.45", linewidth=0.8, linestyle=":", gid="reference")
        axes.set_title(title)
        base.label_snr(axes)
    baselines.annotate(
        f"broken: ≤ {threshold:g} dB", (1, threshold), (-2, -2), xycoords=("axes fraction", "data"),
        textcoords="offset points", ha="right", va="top", color="0.35", fontsize=canvas.SMALL * canvas.scale(),
    )  # fmt: skip
    entries = {
        label: handle for axes in panels for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    if entries:
        figure.legend(entries.values(), entries.keys(), loc="outside upper center", ncols=3)
    networks.set_ylabel("PSNR of the received image (dB)")
    shown = table[table["system"].isin(inputs.settings["labels"]["systems"])]
    notes = ["Bands: 95% interval of the mean, bootstrap over images."]
    canvas.footer(figure, inputs, shown["n_images"].tolist(), notes + base.infeasible_note(shown, inputs))
    return figure


FIGURE = base.Figure(
    tables=("clean", "link_adaptation"),
    shows=(shown.systems, shown.studies, shown.rungs, shown.success),
    draw=draw,
    caption="""
Quality without an attacker

Mean PSNR of the received image over the channel SNR, for the systems that are attacked, over all test images of
{{ dataset }}: networks left, separation-based baselines right. Lines without markers: the best baseline of each source
codec at each SNR, as if the sender knew it. Where decoding fails a baseline reconstructs mid-grey; how often it does
stands in the table. Bands: 95% intervals of the mean, bootstrap over images. Look at how DeepJSCC fades while a
baseline falls off a cliff and is flat above it, and at which SNRs two systems have equal quality: only there is a
comparison of attack powers one of equals.
""",
)
