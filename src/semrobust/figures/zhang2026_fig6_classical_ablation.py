"""Zhang 2026, figure 6: what makes the classical chain easier or harder to break, one change at a time."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pandas as pd
import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from semrobust.figures import base, canvas, shown

_COLUMNS = base.LEAST_POWER
_MODULATION = "modulation"
_PER_LINE = 3
_FILLED = 0.55  # share of the height up to which the bands reach; the legends stand above


def draw(inputs: base.FigureInputs) -> Figure:
    """Median least power ‖s‖² over SNR: one panel per study, each with the unchanged chain in black.

    The modulations are the main chains, the first of which is the one that all other panels change. A panel compares
    under the attacks that all its chains were hit with: each point is the one of them that needs least median power.
    """
    ruin = f"brings an image to PSNR ≤ {inputs.settings['success_psnr_db']:g} dB"
    return panels(inputs, inputs.tables["attack_power"], ruin)


def panels(inputs: base.FigureInputs, table: pd.DataFrame, ruin: str) -> Figure:
    """The figure of rows like those of `attack_power`; `ruin` says what the least power does."""
    rows = base.finite(base.feasible(table), _COLUMNS)
    labels = inputs.settings["labels"]
    rungs = inputs.settings["rungs"]
    main = {name: label for name, label in labels["systems"].items() if name in rungs}
    studies = {_MODULATION: main} | labels["studies"] if main else labels["studies"]
    unchanged = dict(list(main.items())[:1])
    panels_rows, hit_by = {}, {}
    for study, systems in studies.items():
        hit_by[study], panels_rows[study] = _least(rows, {**unchanged, **systems})
    shown = pd.concat([rows.iloc[:0], *panels_rows.values()])
    lines = max(1, math.ceil(len(studies) / _PER_LINE))
    figure = canvas.sheet(0.8 + 2.3 * lines)
    grid = figure.subplots(lines, min(_PER_LINE, max(1, len(studies))), sharex=True, sharey=True, squeeze=False)
    for axes in grid.flat[len(studies) :]:
        axes.remove()
    scale = base.power_scale(shown[_COLUMNS[0]])
    for index, (axes, (study, systems)) in enumerate(zip(grid.flat, studies.items(), strict=False)):
        _panel(axes, panels_rows[study], unchanged, systems)
        axes.set_title(study)
        axes.set_yscale(**scale)
        if index + _PER_LINE >= len(studies):
            axes.tick_params(labelbottom=True)
            base.label_snr(axes)
        if index % _PER_LINE == 0:
            axes.set_ylabel("median attack power ‖s‖² (total)")
    highest = shown[_COLUMNS[2]].max()
    if highest > 0:
        transform = grid.flat[0].yaxis.get_transform()
        low, high = transform.transform([grid.flat[0].get_ylim()[0], highest])
        grid.flat[0].set_ylim(top=transform.inverted().transform([low + (high - low) / _FILLED])[0])
    notes = [
        f"Least median power that {ruin}, by the attacks "
        f"that all chains of a panel were hit with: {_named(hit_by, labels['attacks'])}. "
        "Over all attacked images, those that withstood every power tried as ∞. Bands: 95% interval, bootstrap over "
        "images.",
    ]
    count = shown["n_images"].tolist() or [0]
    canvas.footer(figure, inputs, count, notes + base.infeasible_note(table, inputs))
    return figure


def _least(rows: pd.DataFrame, systems: Mapping[str, str]) -> tuple[list[str], pd.DataFrame]:
    """The attacks that were run on each of `systems` that has rows, and per system and SNR the row of the one of them
    that needs least median power. `best_of` means other attacks from system to system, so it does not count."""
    single = rows[rows["system"].isin(systems) & (rows["attack"] != base.BEST_OF)]
    everywhere = single.groupby("attack")["system"].nunique() == single["system"].nunique()
    attacks = [attack for attack in single["attack"].unique() if everywhere[attack]]
    common = single[single["attack"].isin(attacks) & single[_COLUMNS[0]].notna()]
    return attacks, common.loc[common.groupby(["system", "snr_db"])[_COLUMNS[0]].idxmin()]


def _named(hit_by: Mapping[str, list[str]], labels: Mapping[str, str]) -> str:
    """Which attacks stand behind which panels: "modulation: all; rate, block length: a, b"."""
    panels: dict[str, list[str]] = {}
    for study, attacks in hit_by.items():
        everything = len(attacks) > 1 and all(set(attacks) >= set(others) for others in hit_by.values())
        named = "all" if everything else ", ".join(labels.get(attack, attack) for attack in attacks)
        panels.setdefault(named, []).append(study)
    return "; ".join(f"{', '.join(named)}: {attacks}" for attacks, named in panels.items())


def _panel(axes: Axes, rows: pd.DataFrame, unchanged: Mapping[str, str], changed: Mapping[str, str]) -> None:
    """The unchanged chain in black and the changed ones in colour, each with its own marker and dashes."""
    looks = base.plain_looks({**unchanged, **changed}, [(0.0, 0.0, 0.0), *seaborn.color_palette("colorblind")])
    for name, look in looks.items():
        of_system = rows[rows["system"] == name].sort_values("snr_db")
        if len(of_system):
            base.curve(axes, of_system, _COLUMNS, look)
    if axes.lines:
        axes.legend(fontsize=canvas.SMALL * canvas.scale(), loc="upper left")


FIGURE = base.Figure(
    tables=("attack_power",),
    shows=(shown.systems, shown.studies, shown.rungs, shown.attacks, shown.ruin),
    draw=draw,
    caption="""
What moves the attack power that a chain withstands

Each panel changes one thing of the chain drawn in black, or two where its title or a label says so: modulation, source
codec, code (PEG: by progressive edge growth), rate, block length, decoder, or a retry where the checksum fails. Median
of the least energy ‖s‖² that ruins an image (PSNR ≤ {{ params.evaluation.success_psnr_db | number }} dB), over
{{ attacked }} test images of {{ dataset }}; within a panel by the attacks that all its
chains were hit with, named in the figure's notes. Bands: 95% intervals, bootstrap over images, which do not cover the
spread between codes of one kind (of PEG codes several were drawn, of the others one).
""",
)
