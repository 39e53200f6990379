"""Zhang 2026, what noise in training changes: how smooth each decoder is, and what attacks on it need."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from semrobust.config.roles import PAPER_KINDS
from semrobust.config.settings import Plain
from semrobust.figures import base, canvas, shown

_POWER = base.LEAST_POWER
_CLEAN = ("clean_psnr_db_mean", "clean_psnr_db_low", "clean_psnr_db_high")
_FROBENIUS = ("frobenius_mean", "frobenius_low", "frobenius_high")
_SPECTRAL = ("spectral_mean", "spectral_low", "spectral_high")
_PENALTY = (0.8, 0.25, 0.1)
_VALUES = 3 * 32 * 32
_LEVELS = 255.0


def draw(inputs: base.FigureInputs) -> Figure:
    """Slopes, quality and attack power of one decoder per way of training, over the test SNR.

    Powers under an absolute criterion, under one relative to each image's own quality, and for the same way from it;
    below, power at matched quality, and power against slope with what a linear decoder would need.
    """
    given = inputs.settings["criteria"]
    table = inputs.tables["criteria"]
    rules = {name: rule for name, rule in given["rules"].items() if name in set(table["criterion"])}
    looks = _looks(given, set(table["system"]))
    table = base.finite(table[table["system"].isin(looks)], _POWER)
    figure = canvas.sheet(6.6)
    panels = figure.subplots(3, 3)
    first = _of_kind(rules, "psnr_db", 15.0)
    for axes, columns, title in zip(
        panels[0],
        (_CLEAN, _FROBENIUS, _SPECTRAL),
        ("PSNR without an attack (dB)", "Jacobian, Frobenius norm", "Jacobian, spectral norm"),
        strict=True,
    ):
        _over_snr(axes, table[table["criterion"] == first], columns, looks, title)
        if columns is not _CLEAN:
            axes.set_yscale("log")
            base.plain_ticks(axes.yaxis)
    shown = (first, _of_kind(rules, "below_clean_db"), _of_kind(rules, "rise_levels"))
    for axes, name in zip(panels[1], shown, strict=True):
        rows = table[table["criterion"] == name]
        _over_snr(axes, rows, _POWER, looks, given["labels_of_rules"].get(name, "not in this run"))
        axes.set_yscale(**base.power_scale(rows[_POWER[0]]))
        base.plain_ticks(axes.yaxis)
    panels[1, 0].set_ylabel("median ‖s‖² (total)")
    _matched(panels[2, 0], table[table["criterion"] == first], looks)
    _explained(panels[2, 1], table[table["criterion"] == shown[2]], looks, rules.get(shown[2] or "", {}))
    panels[2, 2].axis("off")
    handles = {handle.get_label(): handle for axes in panels.flat for handle in axes.get_legend_handles_labels()[0]}
    if handles:
        panels[2, 2].legend(
            handles=list(handles.values()),
            loc="center",
            title="trained with noise at",
            fontsize=canvas.SMALL * canvas.scale(),
        )
    shown_first = {given["trainings"][group][0] for group in looks}
    attacks = ", ".join(dict.fromkeys(label for name in shown_first for label in given["attacks"][name]))
    notes = [
        f"Middle row: least median power that brings an image to what the title says, by {attacks}. Dotted: the same "
        "way, trained about twice as long. Bands: 95% interval over images and, where there are several, trainings.",
        "Bottom left: each point is one test SNR; compare heights at equal PSNR. Bottom middle: the line is what a "
        "decoder with this spectral norm everywhere would need, eq. 10; below it the decoder is steeper elsewhere than "
        "at what is received, above it flatter along the way.",
    ]
    canvas.footer(figure, inputs, table["n_images"].tolist() or [0], notes)
    return figure


def _looks(given: Plain, present: set[str]) -> dict[str, base.Look]:
    """One look per way of training: dark to light with the noise, dotted where it is trained longer than the most."""
    systems: dict[str, Plain] = {
        name: system for name, system in given["systems"].items() if system["kind"] in PAPER_KINDS
    }
    if not systems:
        return {}
    hidden = {member for members in given["trainings"].values() if len(members) > 1 for member in members}
    ways: dict[str, tuple[str, Plain]] = {
        group: (members[0], systems[members[0]])
        for group, members in given["trainings"].items()
        if group in present and group not in hidden and members[0] in systems
    }
    epochs = [system["training"]["epochs"] for _, system in ways.values()]
    usual = max(set(epochs), key=epochs.count) if epochs else 0
    noises = sorted({system["training"]["train_snr_db"] for _, system in ways.values()} - {None}, reverse=True)
    places = {None: 0} | {snr_db: place for place, snr_db in enumerate(noises, start=1)}
    colors = seaborn.color_palette("cividis", len(places) + 1)
    looks = {}
    order = sorted(ways, key=lambda group: (places[ways[group][1]["training"]["train_snr_db"]], group))
    for group in order:
        first, system = ways[group]
        noise = system["training"]["train_snr_db"]
        label = given["labels"][first]
        marker = base.plain_looks({str(place): "" for place in range(len(places))}, [(0, 0, 0)])[str(places[noise])]
        look = replace(marker, label=label, color=colors[places[noise]], dashes="-")
        if "penalty_snr_db" in system["training"]:
            look = replace(look, color=_PENALTY, marker="X", dashes="--")
        if system["training"]["epochs"] != usual:
            look = replace(look, label="_longer", dashes=":")
        looks[group] = look
    return looks


def _of_kind(rules: Plain, kind: str, value: float | None = None) -> str | None:
    """The first criterion with this rule, that with this value before others."""
    fitting = [name for name, rule in rules.items() if rule.get(kind) is not None]
    exact = [name for name in fitting if rules[name][kind] == value]
    return next(iter([*exact, *fitting]), None)


def _over_snr(
    axes: Axes, rows: pd.DataFrame, columns: tuple[str, str, str], looks: dict[str, base.Look], title: str
) -> None:
    for name, look in looks.items():
        of_system = rows[rows["system"] == name].sort_values("snr_db")
        if len(of_system):
            base.curve(axes, of_system, columns, look)
    axes.set_title(title, fontsize=canvas.SMALL * canvas.scale())
    base.label_snr(axes)


def _matched(axes: Axes, rows: pd.DataFrame, looks: dict[str, base.Look]) -> None:
    for name, look in looks.items():
        of_system = rows[rows["system"] == name].sort_values("snr_db")
        axes.plot(
            of_system[_CLEAN[0]], of_system[_POWER[0]], color=look.color, linestyle=look.dashes, marker=look.marker
        )
    axes.set_yscale(**base.power_scale(rows[_POWER[0]]))
    base.plain_ticks(axes.yaxis)
    axes.set_xlabel("PSNR without an attack (dB)")
    axes.set_ylabel("median ‖s‖² (total)")
    axes.set_title("at matched quality (as above)", fontsize=canvas.SMALL * canvas.scale())


def _explained(axes: Axes, rows: pd.DataFrame, looks: dict[str, base.Look], rule: Plain) -> None:
    """Power for the same way against the spectral norm, and the line ||s||² = (δ/‖J‖₂)² with δ² in total error."""
    for name, look in looks.items():
        of_system = rows[rows["system"] == name]
        axes.plot(of_system[_SPECTRAL[0]], of_system[_POWER[0]], linestyle="none", color=look.color, marker=look.marker)
    axes.set_xscale("log")
    axes.set_yscale(**base.power_scale(rows[_POWER[0]]))
    if rule.get("rise_levels") and len(rows):
        ends = np.array([rows[_SPECTRAL[0]].min(), rows[_SPECTRAL[0]].max()])
        axes.plot(ends, _VALUES * (rule["rise_levels"] / _LEVELS) ** 2 / ends**2, color="0.25", linewidth=1)
    base.plain_ticks(axes.xaxis)
    base.plain_ticks(axes.yaxis)
    axes.set_xlabel("Jacobian, spectral norm")
    axes.set_title("against slope (as above right)", fontsize=canvas.SMALL * canvas.scale())


FIGURE = base.Figure(
    tables=("criteria",),
    shows=(shown.criteria,),
    draw=draw,
    caption="""
What noise in training changes

DeepJSCC trained without noise, with noise of several SNRs, and with a penalty on its slope instead. Top: PSNR without
an attack, and Frobenius and spectral norm of the decoder's Jacobian at what is received. Middle: median least energy
‖s‖² that ruins an image under three criteria: a fixed PSNR, a fixed loss of PSNR, a fixed rise of the RMSE. Bottom
left: the same against clean quality; bottom middle: against the slope, with the power that a decoder of this slope
everywhere would need (eq. 10). Over {{ params.criteria.images | number }} test images of {{ dataset }}; bands: 95%
intervals over images and, where there are several, trainings. Dotted: trained longer. Look at the fixed rise of the
RMSE: it takes out how far the clean picture is from being ruined, which the fixed PSNR does not.
""",
)
