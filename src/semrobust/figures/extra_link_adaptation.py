"""What adaptive coding and modulation could reach: the clean curves of all baselines and their envelope."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from semrobust.figures import base, canvas, palette, shown

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS = ("psnr_db", "psnr_db_low", "psnr_db_high")
_DARK = (0.1, 0.1, 0.1)


def draw(inputs: base.FigureInputs) -> Figure:
    """One panel per source codec: its baselines as thin lines, their best at each SNR, and the first network."""
    table, adaptive = inputs.tables["clean"], base.feasible(inputs.tables["link_adaptation"])
    rows, every = base.feasible(table), inputs.settings["rungs"]
    rungs = {name: rung for name, rung in every.items() if name in set(rows["system"])}
    sources = list(dict.fromkeys(rung["source"] for rung in rungs.values())) or [""]
    modulations = list(dict.fromkeys(rung["modulation"] for rung in rungs.values()))
    learned = next(((name, look) for name, look in palette.looks(inputs, "systems").items() if name not in every), None)
    colors = dict(zip(modulations, palette.tones(len(modulations)), strict=True))
    figure = canvas.sheet(3.6)
    panels = figure.subplots(1, len(sources), sharex=True, sharey=True, squeeze=False)[0]
    for axes, source in zip(panels, sources, strict=True):
        of_source = {name: rung["modulation"] for name, rung in rungs.items() if rung["source"] == source}
        _thin(axes, rows, of_source, colors)
        if learned:
            base.curve(axes, rows[rows["system"] == learned[0]].sort_values("snr_db"), _COLUMNS, learned[1])
        best = adaptive[adaptive["source"] == source].sort_values("snr_db")
        base.curve(axes, best, _COLUMNS, base.Look("best baseline at each SNR", _DARK, "s", "-"))
        axes.set_title(f"{source.upper()}: {len(of_source)} baselines")
        base.label_snr(axes)
    panels[0].set_ylabel("PSNR of the received image (dB)")
    entries = {
        label: handle for axes in panels for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    if entries:
        figure.legend(entries.values(), entries.keys(), loc="outside upper center", ncols=len(entries))
    notes = [
        "Thin: each baseline with one modulation and one code at all SNRs; of one modulation those of higher rate are "
        "better and fall earlier. Black: the baseline of the highest mean PSNR, chosen for each SNR on one half of the "
        "images and scored on the other, both ways; the sender knows the SNR.",
        "Bands: 95% interval of the mean, bootstrap over images.",
    ]
    canvas.footer(figure, inputs, table["n_images"].tolist(), notes + base.infeasible_note(table, inputs))
    return figure


def _thin(
    axes: Axes, rows: pd.DataFrame, modulations: Mapping[str, str], colors: Mapping[str, tuple[float, float, float]]
) -> None:
    """One line per baseline in the colour of its modulation."""
    scale = canvas.scale()
    for name, modulation in modulations.items():
        of = rows[rows["system"] == name].sort_values("snr_db")
        axes.plot(
            of["snr_db"], of["psnr_db"], color=colors[modulation], linewidth=0.8 * scale, alpha=0.75,
            marker=".", markersize=2.6 * scale, label=modulation.upper().replace("QAM", "-QAM"),
        )  # fmt: skip


FIGURE = base.Figure(
    tables=("clean", "link_adaptation"),
    shows=(shown.systems, shown.studies, shown.rungs),
    draw=draw,
    caption="""
What link adaptation could reach

Mean PSNR over the channel SNR of every separation-based baseline (thin, coloured by modulation) and of the best one at
each SNR (black), chosen on one half of the images and scored on the other; HEVC left, JPEG right, DeepJSCC for
comparison. Over all test images of {{ dataset }}; bands: 95% intervals of the mean, bootstrap over images. The black
line is an upper limit for adaptive coding and modulation, whose sender would have to learn the SNR first. Look at where
DeepJSCC, one network for all SNRs, lies above it.
""",
)
