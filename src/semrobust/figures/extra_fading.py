"""What fading costs: quality of the received images over each channel, without an attacker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from semrobust.config.roles import PAPER_KINDS
from semrobust.config.settings import Plain
from semrobust.figures import base, canvas, palette, shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from semrobust.config.params import Params


def draw(inputs: base.FigureInputs) -> Figure:
    """Mean PSNR over SNR of the paper's network and the baselines, one panel per channel."""
    table = inputs.tables["fading"]
    rows, threshold = base.feasible(table), inputs.settings["success_psnr_db"]
    labels = inputs.settings["labels"]["channels"]
    channels = [name for name in labels if name in set(table["channel"])] or list(labels)[:1]
    given, columns = inputs.settings, min(len(channels), 3)
    looks = {
        name: of for name, of in palette.looks(inputs, "systems").items() if name in {*given["paper"], *given["rungs"]}
    }
    lines = -(-len(channels) // columns)
    figure = canvas.sheet(1.2 + 2.1 * lines)
    grid = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False)
    for axes, channel in zip(grid.flat, channels, strict=False):
        for name, look in looks.items():
            chosen = rows[(rows["system"] == name) & (rows["channel"] == channel)].sort_values("snr_db")
            if len(chosen):
                base.curve(axes, chosen, ("psnr_db", "psnr_db_low", "psnr_db_high"), look)
        axes.axhline(threshold, color="0.45", linewidth=0.8, linestyle=":", gid="reference")
        axes.set_title(labels[channel])
    for axes in grid.flat[len(channels) :]:
        axes.set_axis_off()
    for index, axes in enumerate(grid.flat[: len(channels)]):
        if index + columns >= len(channels):
            base.label_snr(axes)
            axes.tick_params(labelbottom=True)
    figure.supylabel("PSNR of the received image (dB)", fontsize="medium")
    figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
    notes = [
        "Bands: 95% interval of the mean, bootstrap over images. One fade per image, known to the receiver unless a "
        f"panel says otherwise. Dotted: at or below {threshold:g} dB an image is broken. The table has other networks."
    ]
    canvas.footer(figure, inputs, table["n_images"].tolist(), notes + base.infeasible_note(table, inputs))
    return figure


def _paper(params: Params) -> Plain:
    """Attacked systems that are the paper's network."""
    return {"paper": [name for name in params.attacked() if params.systems[name].kind in PAPER_KINDS]}


FIGURE = base.Figure(
    tables=("fading",),
    shows=(shown.systems, _paper, shown.studies, shown.rungs, shown.channels, shown.success),
    draw=draw,
    caption="""
Quality without an attacker over fading channels

Mean PSNR of the received image over the channel SNR, one panel per channel, over
{{ params.evaluation.fading_images | number }} test images of {{ dataset }}. One fade per image; the receiver knows it
unless the panel says otherwise. All systems were made for AWGN. Bands: 95% intervals of the mean, bootstrap over
images. Look at how fading turns the cliff of a separation-based baseline into a slope, as a mean over lucky and unlucky
fades.
""",
)
