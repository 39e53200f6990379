"""Zhang 2026, theory against measurement: what bounds and diagnostics say of the least attack power, over SNR."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from semrobust.figures import base, canvas, palette, shown
from semrobust.pipeline.numbers import number

_COLUMNS = ("power_total_mean", "power_total_low", "power_total_high")
_MEASURED, _IDEAL, _CERTIFIED, _IMAGE = "measured", "ideal", "certified", "image"
_NAMES = {
    _MEASURED: "measured: cheapest attack",
    "smoothed": "smoothing: bound if the noise is not known",
    _IMAGE: "certificate of each image: bound",
    _CERTIFIED: "Lipschitz constant: bound (eq. 10)",
    "codeword": "maximum likelihood errs (known codewords)",
    "stopping_set": "belief propagation is stuck (known stopping sets)",
}
"""What is drawn. Diagnostics by slopes, and eq. 12 that promises nothing, stand in the table."""
_LEAST_SHARE = 0.1
_ROOM = 1.5  # below the lowest marker
_BELOW = (_CERTIFIED,)
_TITLE_CHARACTERS = 28
_SIDE_BY_SIDE = 4  # systems at most


def draw(inputs: base.FigureInputs) -> Figure:
    """Mean ‖s‖² of each quantity over SNR: two panels per system of which theory says anything, one below the other.

    The bound of eq. 10 has a panel of its own: on one axis with the rest, decades of nothing would lie between.
    """
    labels = inputs.settings["labels"]["systems"]
    table = inputs.tables["bounds"]
    table = table[table["system"].isin(list(labels))]
    spoken = set(table.loc[table["quantity"] != _MEASURED, "system"])
    systems = [name for name in labels if name in spoken]
    looks = base.plain_looks(_NAMES, palette.tones(len(_NAMES)))
    count = max(1, len(systems))
    lines = math.ceil(count / _SIDE_BY_SIDE)
    columns = math.ceil(count / lines)
    figure = canvas.sheet(1.6 + 3.3 * lines)
    grid = figure.subplots(
        2 * lines, columns, sharex=True, sharey="row", squeeze=False, gridspec_kw={"height_ratios": [3, 1] * lines}
    )
    pairs = [(grid[2 * line, column], grid[2 * line + 1, column]) for line in range(lines) for column in range(columns)]
    for axes in (axes for pair in pairs[count:] for axes in pair):
        axes.remove()
    for (upper, lower), system in zip(pairs, systems, strict=False):
        rows = table[table["system"] == system]
        for axes, below in ((upper, False), (lower, True)):
            _panel(axes, rows, {name: look for name, look in looks.items() if (name in _BELOW) == below})
        upper.set_title(textwrap.fill(labels[system], _TITLE_CHARACTERS))
        base.label_snr(lower)
        lower.tick_params(labelbottom=True)
        if not lower.lines:
            lower.text(
                0.5, 0.5, "no such bound", transform=lower.transAxes, ha="center", va="center", color="0.35",
                fontsize=canvas.SMALL * canvas.scale(),
            )  # fmt: skip
    for panels in zip(*pairs[:count], strict=True):
        _whole_decades(panels)
    figure.supylabel("mean attack power ‖s‖² (total)", fontsize="medium")
    handles = {handle.get_label(): handle for axes in grid.flat for handle in axes.get_legend_handles_labels()[0]}
    ordered = [handles[name] for name in _NAMES.values() if name in handles]
    if ordered:
        figure.legend(handles=ordered, loc="outside upper center", ncols=2)
    canvas.footer(figure, inputs, table["n_images"].tolist(), _notes(inputs, table))
    return figure


def _panel(axes: Axes, rows: pd.DataFrame, looks: dict[str, base.Look]) -> None:
    """A logarithmic axis has no 0: points where nothing is promised are left out, and means over next to no image."""
    enough = rows["n_images"] >= _LEAST_SHARE * rows.groupby("quantity")["n_images"].transform("max")
    rows = rows[enough & (rows["power_total_mean"] > 0)]
    for quantity, look in looks.items():
        chosen = rows[rows["quantity"] == quantity].sort_values("snr_db")
        if len(chosen):
            base.curve(axes, chosen, _COLUMNS, look)


def _whole_decades(panels: Sequence[Axes]) -> None:
    """One logarithmic axis for panels, from power of ten to power of ten around what all of them show."""
    values = [value for axes in panels for line in axes.lines for value in np.asarray(line.get_ydata(), dtype=float)]
    for axes in panels:
        axes.set_yscale("log")
        axes.minorticks_off()
        if values:
            low, high = math.floor(math.log10(min(values) / _ROOM)), math.ceil(math.log10(max(values)))
            axes.set_ylim(10.0**low, 10.0 ** max(high, low + 1))


def _notes(inputs: base.FigureInputs, table: pd.DataFrame) -> list[str]:
    labels = inputs.settings["labels"]["systems"]
    notes = [
        "Mean over the images that some attack, and not the channel alone, brings to PSNR ≤ "
        f"{inputs.settings['success_psnr_db']:g} dB, of certificates and smoothing over the first of them; bands: 95% "
        f"interval, bootstrap over images. Points are left out where these are under {_LEAST_SHARE:.0%} of a line's "
        "images. Certificates and eq. 10 hold for every attack; smoothing for those that do not know the noise, and "
        "for success in every second draw of it. Maximum likelihood and belief propagation: upper limits, from the "
        "sets found."
    ]
    ideal = table[table["quantity"] == _IDEAL]
    if len(ideal):
        nothing = (ideal["power_total_mean"] == 0).mean()
        notes.append(f"Eq. 12 promises nothing (0) at {nothing:.0%} of the points, where its bracket is negative.")
    for system, rows in table.groupby("system", sort=False):
        said = []
        for quantity, bound in ((_IMAGE, "the certificates"), (_CERTIFIED, "eq. 10")):
            certified = rows[(rows["quantity"] == quantity) & (rows["power_total_mean"] > 0)]
            if len(certified):
                least, most = certified["tightness_median"].min(), certified["tightness_median"].max()
                said.append(f"measured power is {number(least, 1)} to {number(most, 1)} times {bound} (medians)")
        local = rows[rows["quantity"] == "local"]
        if len(local):
            share = local["n_beaten"].sum() / local["n_images"].sum()
            said.append(f"attacks beat the local diagnostic on {share:.1%} of the images")
        if said:
            notes.append(f"{labels[str(system)]}: {'; '.join(said)}.")
    return notes


FIGURE = base.Figure(
    tables=("bounds",),
    shows=(shown.systems, shown.success),
    draw=draw,
    caption="""
What theory says of the least attack power, against what attacks need

Mean energy ‖s‖² over the channel SNR, for each attacked system, over the test images of {{ dataset }} that some
attack, and not the channel alone, breaks (PSNR ≤ {{ params.evaluation.success_psnr_db | number }} dB). Dark: cheapest
attack found. Two lower bounds are proved for every attack: a certificate of each image, for the first of them, and
eq. 10 with a Lipschitz constant of the whole decoder, in the strip below. Smoothing is a bound for another attacker,
who does not know the noise. For separation-based baselines: the power at which a maximum-likelihood receiver errs or
belief propagation is stuck, from the sets that were found, so upper limits for such receivers. Bands: 95% intervals,
bootstrap over images. Look at the distance between certificate and measurement: what an attack still unknown could
gain.
""",
)
