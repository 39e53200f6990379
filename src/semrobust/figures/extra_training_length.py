"""What longer training changes: clean quality, attack power, and where in the decoder the attack acts."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from semrobust.config.roles import EXTRAPOLATED
from semrobust.figures import base, canvas, palette

_PSNR = ("psnr_db", "psnr_db_low", "psnr_db_high")
_BEST = ("power_total", "power_total_low", "power_total_high")
_PGA = ("pga_power", "pga_power_low", "pga_power_high")
_OVER = ("over_random", "over_random_low", "over_random_high")


def draw(inputs: base.FigureInputs) -> Figure:
    """At the middle SNR: PSNR and least power over the epochs, and how far attacks reach layer by layer."""
    table, layers = inputs.tables["training_length"], inputs.tables["attack_layers"]
    snrs = sorted(set(table["snr_db"]))
    snr_db = snrs[len(snrs) // 2] if snrs else 0.0
    table, layers = (rows[rows["snr_db"] == snr_db] for rows in (table, layers))
    first, second, *others = palette.tones(4)
    figure = canvas.sheet(3.0)
    quality, power, inside = figure.subplots(1, 3)
    _over_epochs(quality, table, _PSNR, base.Look("", (0.2, 0.2, 0.2), "v", "-"))
    _over_epochs(power, table, _BEST, base.Look("best attack", first, "o", "-"))
    _over_epochs(power, table, _PGA, base.Look("PGA", second, "s", "--"))
    quality.set_ylabel("PSNR without an attack (dB)")
    power.set_ylabel("median ‖s‖² (total)")
    if len(table):
        power.set_yscale("log")
        base.plain_ticks(power.yaxis)
        power.legend(fontsize=canvas.SMALL * canvas.scale())
    _by_layer(inside, layers, others)
    kinds = layers.drop_duplicates("layer").sort_values("layer")["layer_kind"]
    notes = [
        f"At {snr_db:g} dB. Bars and bands: 95% interval, bootstrap over images. Hollow: no measurement, but the line "
        "through all trainings over the logarithm of the epochs, with the 95% prediction interval of one more.",
        "Right: relative change of a layer's output by the weakest attack over that by a random vector of the same "
        f"norm. Layers: {', '.join(f'{place} {kind}' for place, kind in enumerate(kinds, start=1))}.",
    ]
    canvas.footer(figure, inputs, table["n_images"].tolist() or [0], notes)
    return figure


def _over_epochs(axes: Axes, rows: pd.DataFrame, columns: tuple[str, str, str], look: base.Look) -> None:
    """Measured points with bars, joined; hollow where nothing was trained."""
    value, low, high = columns
    rows = base.finite(rows, columns).dropna(subset=[value]).sort_values("epochs")
    for part in (rows[rows["system"] != EXTRAPOLATED], rows[rows["system"] == EXTRAPOLATED]):
        if part.empty:
            continue
        measured = part["system"].iloc[0] != EXTRAPOLATED
        axes.errorbar(
            part["epochs"], part[value], yerr=np.abs(part[[low, high]].to_numpy().T - part[value].to_numpy()),
            color=look.color, marker=look.marker, linestyle=look.dashes if measured else "none",
            markerfacecolor=look.color if measured else "white", elinewidth=0.8 * canvas.scale(),
            label=look.label if measured else None,
        )  # fmt: skip
    axes.set_xlabel("epochs of training")
    if len(rows):
        epochs = sorted(set(rows["epochs"]))
        axes.set_xscale("log")
        axes.set_xticks(epochs, [f"{one:g}" for one in epochs])
        axes.minorticks_off()


def _by_layer(axes: Axes, layers: pd.DataFrame, colors: list[base.Color]) -> None:
    """The shortest and the longest training."""
    value, low, high = _OVER
    trained = sorted(set(layers["epochs"]))
    for epochs, marker, color in zip(dict.fromkeys([*trained[:1], *trained[-1:]]), "^D", colors, strict=False):
        of = layers[layers["epochs"] == epochs].sort_values("layer")
        axes.fill_between(of["layer"] + 1, of[low], of[high], color=color, alpha=0.2, linewidth=0)
        axes.plot(of["layer"] + 1, of[value], color=color, marker=marker, label=f"{epochs:g} epochs")
    axes.axhline(1, color="0.25", linewidth=1, gid="reference")
    axes.set_xlabel("layer of the decoder")
    axes.set_ylabel("change, attack ÷ random (×)")
    if len(layers):
        axes.locator_params(axis="x", integer=True)
        axes.legend(fontsize=canvas.SMALL * canvas.scale())


FIGURE = base.Figure(
    tables=("training_length", "attack_layers"),
    draw=draw,
    caption="""
What longer training changes

DeepJSCC trained for more and more epochs, nothing else changed but the peak of the learning rate where a longer
training falls apart at the usual one. Left: PSNR without an attack. Middle: median least energy ‖s‖² that brings an
image to a PSNR of {{ params.evaluation.success_psnr_db | number }} dB or less, under the best attack and under PGA.
Hollow: not measured, but extrapolated to the paper's 1000 epochs by a line over the logarithm of the epochs, with its
95% prediction interval. Right: how much further than a random vector of the same norm the attack reaches, layer by
layer, for the shortest and the longest training. Over {{ params.evaluation.attack_images | number }} test images of
{{ dataset }}; bars and bands: 95% bootstrap intervals over images. Look at whether both attacks say the same.
""",
)
