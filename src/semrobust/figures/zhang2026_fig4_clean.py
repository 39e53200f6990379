"""Zhang 2026, figure 4: how well each system sends images when nobody attacks."""

from __future__ import annotations

from itertools import cycle
from typing import TYPE_CHECKING

from semrobust.figures import base, canvas, shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw(inputs: base.FigureInputs) -> Figure:
    """Mean PSNR of the attacked systems over SNR, and beside it how often the receiver cannot decode at all.

    Lines without markers: what the best of all baselines of a source codec reaches at each SNR.
    """
    table = inputs.tables["clean"]
    rows, threshold = base.feasible(table), inputs.settings["success_psnr_db"]
    figure = canvas.sheet(3.9)
    quality, failures = figure.subplots(1, 2, width_ratios=[1.35, 1])
    for name, look in base.looks(inputs, "systems").items():
        of_system = rows[rows["system"] == name].sort_values("snr_db")
        if len(of_system):
            base.curve(quality, of_system, ("psnr_db", "psnr_db_low", "psnr_db_high"), look)
            base.curve(failures, of_system, ("decode_failure_rate",) * 3, look)
    adaptive = base.feasible(inputs.tables["link_adaptation"])
    for (source, rows), dashes in zip(adaptive.groupby("source", sort=False), cycle((":", "--")), strict=False):
        label = f"{str(source).upper()}, best of {rows['n_rungs'].iloc[0]} baselines"
        quality.plot(rows["snr_db"], rows["psnr_db"], color="0.2", linestyle=dashes, label=label, gid="reference")
    quality.axhline(threshold, color="0.45", linewidth=0.8, linestyle=":", gid="reference")
    quality.annotate(
        f"broken: ≤ {threshold:g} dB", (1, threshold), (-2, -2), xycoords=("axes fraction", "data"),
        textcoords="offset points", ha="right", va="top", color="0.35", fontsize=canvas.SMALL * canvas.scale(),
    )  # fmt: skip
    quality.set_ylabel("PSNR of the received image (dB)")
    failures.set_ylabel("decode failure rate (share of images)")
    failures.set_ylim(-0.04, 1.04)
    for axes in (quality, failures):
        base.label_snr(axes)
    figure.legend(*quality.get_legend_handles_labels(), loc="outside upper center", ncols=2)
    shown = table[table["system"].isin(inputs.settings["labels"]["systems"])]
    notes = ["Bands: 95% interval of the mean, bootstrap over images. Systems that always decode lie at a rate of 0."]
    canvas.footer(figure, inputs, shown["n_images"].tolist(), notes + base.infeasible_note(shown, inputs))
    return figure


FIGURE = base.Figure(
    tables=("clean", "link_adaptation"),
    shows=(shown.systems, shown.studies, shown.rungs, shown.success),
    draw=draw,
    caption="""
Quality without an attacker

Left: mean PSNR of the received image over the channel SNR, for the systems that are attacked, over all test images of
{{ dataset }}. Lines without markers: the best separation-based baseline of each source codec at each SNR, as if the
sender knew it. Right: share of images for which the receiver knows that decoding failed; its reconstruction is then
mid-grey. Bands: 95% intervals of the mean, bootstrap over images. Look at how DeepJSCC fades while a baseline falls off
a cliff and is flat above it, and at which SNRs two systems have equal quality: only there is a comparison of attack
powers one of equals.
""",
)
