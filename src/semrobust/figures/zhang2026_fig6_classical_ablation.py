"""Zhang 2026, figure 6: what makes the separation-based baseline easier or harder to break, one change at a time."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from semrobust.figures import base, canvas, palette, shown

_COLUMNS = base.LEAST_POWER
_MODULATION = "modulation"
_OFFSET = 0.16  # rows, of the second SNR below the first
_LINE = 0.175  # inches


def draw(inputs: base.FigureInputs) -> Figure:
    """Least power that each baseline withstands over that of the unchanged one, grouped by what was changed.

    The modulations are the main baselines, the first of which is the one that all others change. Those of a group are
    compared under the attacks that all of them were hit with: the one of these that needs least median power.
    """
    breaks = f"brings an image to PSNR ≤ {inputs.settings['success_psnr_db']:g} dB"
    return rows_of_chains(inputs, inputs.tables["attack_power"], breaks)


def rows_of_chains(
    inputs: base.FigureInputs, table: pd.DataFrame, breaks: str, of: str = "images", power: str = "attack power"
) -> Figure:
    """The figure of rows like those of `attack_power`; `breaks` says what the least `power` does, `of` what is sent."""
    rows = base.finite(base.feasible(table), _COLUMNS)
    labels = inputs.settings["labels"]
    main = {name: label for name, label in labels["systems"].items() if name in inputs.settings["rungs"]}
    reference = next(iter(main), None)
    studies = {_MODULATION: main} | labels["studies"] if main else labels["studies"]
    snrs = sorted(set(rows["snr_db"]))
    shown = dict.fromkeys(reversed([snrs[len(snrs) // 2], snrs[-1]])) if snrs else {}
    looks = base.plain_looks({f"{snr_db:g} dB": f"at {snr_db:g} dB" for snr_db in shown}, palette.tones(2))

    figure = canvas.sheet(1.2 + _LINE * sum(1 + len(set(systems) - {reference}) for systems in studies.values()))
    axes = figure.subplots()
    axes.axvline(1, color="0.25", linewidth=1, gid="reference")
    names: list[str] = []
    hit_by, counts = {}, []
    for study, systems in studies.items():
        names.append(study)
        chains = {name: label for name, label in systems.items() if name != reference}
        hit_by[study], least = _least(rows, {reference: "", **chains} if reference else chains)
        for name, label in chains.items():
            _chain(axes, least, reference, name, len(names), dict(zip(shown, looks.values(), strict=True)))
            counts += least.loc[least["system"] == name, "n_images"].tolist()
            names.append(f"{label}  ")
    axes.set_yticks(range(len(names)), names)
    for name, tick in zip(names, axes.get_yticklabels(), strict=True):
        tick.set_fontweight("bold" if name in studies else "normal")
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(names) - 0.5, -0.7)
    axes.set_xscale("log")
    base.plain_ticks(axes.xaxis)
    said = labels["systems"].get(reference, "the unchanged baseline")
    axes.set_xlabel(f"median {power} over that of {said} (×)")
    handles = axes.get_legend_handles_labels()
    unique = dict(zip(reversed(handles[1]), reversed(handles[0]), strict=True))
    if not unique:
        axes.set_xlim(0.1, 10)
        base.nothing(axes, "none can be compared: broken by the channel, or by no attack")
    else:
        figure.legend(unique.values(), unique.keys(), loc="outside upper center", ncols=2)
    notes = [
        f"Least median {power} that {breaks}, by the attacks that all baselines of a group were hit with: "
        f"{_named(hit_by, labels['attacks'])}. Over all attacked {of}, those that withstood every power tried as ∞. "
        f"Bars: 95% interval of the baseline's own median, bootstrap over {of}. No point: the channel alone breaks "
        f"half of the {of}, or half withstand.",
    ]
    canvas.footer(figure, inputs, counts or [0], notes + base.infeasible_note(table, inputs), of)
    return figure


def _chain(
    axes: Axes, rows: pd.DataFrame, reference: str | None, name: str, place: int, looks: Mapping[float, base.Look]
) -> None:
    """The markers of one baseline, one for each SNR at which it and the unchanged one work."""
    for shift, (snr_db, look) in enumerate(looks.items()):
        known = rows[rows["snr_db"] == snr_db].set_index("system")[list(_COLUMNS)]
        if reference is None or not {name, reference} <= set(known.index) or not known[_COLUMNS[0]][reference] > 0:
            continue
        value, low, high = known.loc[name].to_numpy(dtype=float) / float(known[_COLUMNS[0]][reference])
        if np.isfinite(value) and value > 0:
            ends = [[max(value - low, 0.0)], [max(high - value, 0.0)]] if np.isfinite([low, high]).all() else None
            axes.errorbar(
                [value], [place + _OFFSET * (2 * shift - 1)], xerr=ends, color=look.color, marker=look.marker,
                linestyle="none", elinewidth=0.8 * canvas.scale(), label=look.label,
            )  # fmt: skip


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


FIGURE = base.Figure(
    tables=("attack_power",),
    shows=(shown.systems, shown.studies, shown.rungs, shown.attacks, shown.success),
    draw=draw,
    caption="""
What moves the attack power that a separation-based baseline withstands

Each group changes one thing of the baseline that all are compared with, or two where its title or a label says so:
modulation, source codec, code (PEG: by progressive edge growth), rate, block length, decoder, or a retry where the
checksum fails. Median of the least energy ‖s‖² that breaks an image (PSNR ≤
{{ params.evaluation.success_psnr_db | number }} dB) over that of the unchanged baseline, at the middle and the highest
SNR, over {{ attacked }} test images of {{ dataset }}; within a group by the attacks that all its baselines were hit
with, which the notes name. Bars: 95% intervals, bootstrap over images, which do not cover the spread between codes of
one kind (of PEG codes several were drawn, of the others one). Right of 1 a change makes the baseline harder to break.
""",
)
