"""Zhang 2026, figure 6: what makes the classical chain easier or harder to break, one change at a time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from semrobust.core.lazy import LazyModule
from semrobust.viz import base, canvas

if TYPE_CHECKING:
    import pandas as pd
    import seaborn
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
else:
    seaborn = LazyModule("seaborn")

_COLUMNS = ("ruinable_power_mean", "ruinable_power_low", "ruinable_power_high")
_MODULATION = "modulation"
_PER_LINE = 3
_FILLED = 0.62  # share of the height up to which the bands reach; the legends stand above


@base.figure("zhang2026_fig6_classical_ablation", tables=("attack_power",))
def draw(inputs: base.FigureInputs) -> Figure:
    """Mean least power ‖s‖² over SNR: one panel per study, each with the unchanged chain in black.

    The modulations are the main chains, the first of which is the one that all other panels change. All lines are of
    one attack, the strongest one that was run on every chain shown.
    """
    rows = base.feasible(inputs.tables["attack_power"])
    labels = inputs.settings["labels"]
    rungs = inputs.settings["rungs"]
    main = {name: label for name, label in labels["systems"].items() if name in rungs}
    studies = {_MODULATION: main} | labels["studies"] if main else labels["studies"]
    shown = {name for systems in studies.values() for name in systems}
    rows = rows[rows["system"].isin(shown)]
    attack = _strongest(rows)
    rows = rows[rows["attack"] == attack]
    lines = max(1, math.ceil(len(studies) / _PER_LINE))
    figure = canvas.sheet(0.8 + 2.3 * lines)
    panels = figure.subplots(lines, min(_PER_LINE, max(1, len(studies))), sharex=True, sharey=True, squeeze=False)
    for axes in panels.flat[len(studies) :]:
        axes.remove()
    scale = base.power_scale(rows[_COLUMNS[0]])
    unchanged = dict(list(main.items())[:1])
    for index, (axes, (study, systems)) in enumerate(zip(panels.flat, studies.items(), strict=False)):
        _panel(axes, rows, unchanged, systems)
        axes.set_title(study)
        axes.set_yscale(**scale)
        if index + _PER_LINE >= len(studies):
            axes.tick_params(labelbottom=True)
            base.label_snr(axes)
        if index % _PER_LINE == 0:
            axes.set_ylabel("mean attack power ‖s‖² (total)")
    highest = rows[_COLUMNS[2]].max()
    if highest > 0:
        transform = panels.flat[0].yaxis.get_transform()
        low, high = transform.transform([panels.flat[0].get_ylim()[0], highest])
        panels.flat[0].set_ylim(top=transform.inverted().transform([low + (high - low) / _FILLED])[0])
    name = labels["attacks"].get(attack, attack)
    notes = [
        f"Least power of the attack “{name}” that brings an image to PSNR ≤ {inputs.settings['success_psnr_db']:g} dB; "
        "mean over the images that the chain can send and that mid-grey in their place would ruin. "
        "Bands: 95% interval, bootstrap over images. One code of each kind was drawn.",
        "A word that no set of the code breaks counts with what pushing all its uses needs (rate 1/3: few sets found).",
        "Hollow: some images withstood every power tried and count with the largest one: the mean is a lower bound.",
    ]
    count = rows["n_images"].tolist() or [0]
    canvas.footer(figure, inputs, count, notes + base.infeasible_note(inputs.tables["attack_power"], inputs))
    return figure


def _strongest(rows: pd.DataFrame) -> str:
    """The attack of least mean power among those that were run on every system; `best_of` means different ones."""
    single = rows[rows["attack"] != base.BEST_OF]
    everywhere = single.groupby("attack")["system"].nunique() == single["system"].nunique()
    power = single.groupby("attack")[_COLUMNS[0]].mean()[everywhere]
    return str(power.idxmin()) if power.notna().any() else ""


def _panel(axes: Axes, rows: pd.DataFrame, unchanged: Mapping[str, str], changed: Mapping[str, str]) -> None:
    """The unchanged chain in black and the changed ones in colour, each with its own marker and dashes."""
    looks = base.plain_looks({**unchanged, **changed}, [(0.0, 0.0, 0.0), *seaborn.color_palette("colorblind")])
    for name, look in looks.items():
        of_system = rows[rows["system"] == name].sort_values("snr_db")
        if len(of_system):
            base.curve(axes, of_system, _COLUMNS, look, hollow=of_system["ruinable_n_censored"] > 0)
    if axes.lines:
        axes.legend(fontsize=canvas.SMALL * canvas.scale(), loc="upper left")
