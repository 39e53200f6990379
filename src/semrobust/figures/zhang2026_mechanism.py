"""Zhang 2026, what noise in training changes: how smooth each decoder is, and what attacks on it need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from semrobust.config.roles import PAPER_KINDS
from semrobust.config.settings import Plain
from semrobust.figures import base, canvas, palette, shown

_POWER = base.LEAST_POWER
_CLEAN = ("clean_psnr_db_mean", "clean_psnr_db_low", "clean_psnr_db_high")
_SPECTRAL = ("spectral_mean", "spectral_low", "spectral_high")
_VALUES = 3 * 32 * 32
_LEVELS = 255.0
_USUAL, _LONGER, _PENALTY = "trained alike", "trained about twice as long", "slope penalty in place of noise"
_HOLLOW = {_LONGER: "white"}
_LINEAR = "0.25"


@dataclass(frozen=True)
class _Way:
    """A way of training: its systems' name in the table, where it stands on the axis of noise, and which kind it is."""

    group: str
    place: int
    kind: str


def draw(inputs: base.FigureInputs) -> Figure:
    """Clean quality, slope and attack power of one decoder per way of training, at the middle test SNR.

    Powers under an absolute criterion, and under those relative to each image's own quality; and power against slope,
    with what a decoder of that slope everywhere would need.
    """
    given = inputs.settings["criteria"]
    table = inputs.tables["criteria"]
    rules = {name: rule for name, rule in given["rules"].items() if name in set(table["criterion"])}
    ways, noises = _ways(given, set(table["system"]))
    table = base.finite(table[table["system"].isin([way.group for way in ways])], _POWER)
    snr_db = sorted(set(table["snr_db"]))
    middle = snr_db[len(snr_db) // 2] if snr_db else 0.0
    table = table[table["snr_db"] == middle]
    shown = [_of_kind(rules, "psnr_db", 15.0), _of_kind(rules, "below_clean_db"), _of_kind(rules, "rise_levels")]
    criteria = [name for name in shown if name is not None]
    labels = {name: given["labels_of_rules"][name] for name in criteria}
    looks = base.plain_looks(labels, palette.tones(len(labels)))
    black = base.Look("", (0.2, 0.2, 0.2), "o", "-")

    figure = canvas.sheet(4.9)
    panels = figure.subplots(2, 2)
    first = table[table["criterion"] == (shown[0] or "")]
    for axes, columns, said in (
        (panels[0, 0], _CLEAN, "PSNR without an attack (dB)"),
        (panels[0, 1], _SPECTRAL, "Jacobian, spectral norm"),
    ):
        _over_noise(axes, first, columns, ways, black)
        axes.set_ylabel(said)
    for name, look in looks.items():
        _over_noise(panels[1, 0], table[table["criterion"] == name], _POWER, ways, look)
        _against_slope(panels[1, 1], table[table["criterion"] == name], ways, look)
    for axes in (panels[0, 1], panels[1, 0], panels[1, 1]):
        axes.set_yscale("log")
    panels[1, 0].set_ylabel("median ‖s‖² (total)")
    panels[1, 1].set_xscale("log")
    panels[1, 1].set_xlabel("Jacobian, spectral norm")
    panels[1, 1].set_ylabel("median ‖s‖² (total)")
    _linear(panels[1, 1], table[table["criterion"] == (shown[2] or "")], rules.get(shown[2] or "", {}))
    for axis in (panels[0, 1].yaxis, panels[1, 0].yaxis, panels[1, 1].xaxis, panels[1, 1].yaxis):
        base.plain_ticks(axis)
    for axes in (*panels[0], panels[1, 0]):
        axes.set_xticks(range(len(noises)), noises)
        axes.set_xlabel("noise in training: SNR (dB)")
    figure.legend(handles=_legend(looks, ways), loc="outside upper center", ncols=3)
    shown_first = {given["trainings"][way.group][0] for way in ways}
    attacks = ", ".join(dict.fromkeys(label for name in shown_first for label in given["attacks"][name]))
    notes = [
        f"At a test SNR of {middle:g} dB. Power: least median that does what the legend says, by {attacks}. "
        "Bars: 95% interval over images and, where there are several, trainings.",
        "Line at the lower right: what a decoder of this slope everywhere would need for the rise of the RMSE, eq. 10.",
    ]
    canvas.footer(figure, inputs, table["n_images"].tolist() or [0], notes)
    return figure


def _ways(given: Plain, present: set[str]) -> tuple[list[_Way], list[str]]:
    """The ways of training the paper's network from least noise to most, and the labels of the axis of noise."""
    systems: dict[str, Plain] = {
        name: system for name, system in given["systems"].items() if system["kind"] in PAPER_KINDS
    }
    hidden = {member for members in given["trainings"].values() if len(members) > 1 for member in members}
    found = {
        group: systems[members[0]]["training"]
        for group, members in given["trainings"].items()
        if group in present and group not in hidden and members[0] in systems
    }
    epochs = [training["epochs"] for training in found.values()]
    usual = max(set(epochs), key=epochs.count) if epochs else 0
    noises = sorted({training["train_snr_db"] for training in found.values()} - {None}, reverse=True)
    places = {None: 0} | {snr_db: place for place, snr_db in enumerate(noises, start=1)}

    def kind(training: Plain) -> str:
        if "penalty_snr_db" in training:
            return _PENALTY
        return _USUAL if training["epochs"] == usual else _LONGER

    ways = [_Way(group, places[training["train_snr_db"]], kind(training)) for group, training in found.items()]
    return sorted(ways, key=lambda way: (way.place, way.group)), ["none", *(f"{snr_db:g}" for snr_db in noises)]


def _of_kind(rules: Plain, kind: str, value: float | None = None) -> str | None:
    """The first criterion with this rule, that with this value before others."""
    fitting = [name for name, rule in rules.items() if rule.get(kind) is not None]
    exact = [name for name in fitting if rules[name][kind] == value]
    return next(iter([*exact, *fitting]), None)


def _over_noise(
    axes: Axes, rows: pd.DataFrame, columns: tuple[str, str, str], ways: Sequence[_Way], look: base.Look
) -> None:
    """A line through the ways that are trained alike, with bars; the others as markers of their own."""
    value, low, high = columns
    known = rows.set_index("system")
    for kind in (_USUAL, _LONGER, _PENALTY):
        chosen = [way for way in ways if way.kind == kind and way.group in known.index]
        if not chosen:
            continue
        of = known.loc[[way.group for way in chosen]]
        ends = np.abs(of[[low, high]].to_numpy(dtype=float).T - of[value].to_numpy(dtype=float))
        axes.errorbar(
            [way.place for way in chosen], of[value], yerr=ends, color=look.color, elinewidth=0.8 * canvas.scale(),
            linestyle=look.dashes if kind == _USUAL else "none", marker=_marker(kind, look),
            markerfacecolor=_HOLLOW.get(kind, look.color),
        )  # fmt: skip


def _against_slope(axes: Axes, rows: pd.DataFrame, ways: Sequence[_Way], look: base.Look) -> None:
    for way in ways:
        of = rows[rows["system"] == way.group]
        axes.plot(
            of[_SPECTRAL[0]], of[_POWER[0]], linestyle="none", color=look.color, marker=_marker(way.kind, look),
            markerfacecolor=_HOLLOW.get(way.kind, look.color),
        )  # fmt: skip


def _marker(kind: str, look: base.Look) -> str:
    return "*" if kind == _PENALTY else look.marker


def _linear(axes: Axes, rows: pd.DataFrame, rule: Plain) -> None:
    """The line ‖s‖² = (δ/‖J‖₂)² with δ² in total error."""
    if rule.get("rise_levels") and len(rows):
        ends = np.array([rows[_SPECTRAL[0]].min(), rows[_SPECTRAL[0]].max()])
        axes.plot(ends, _VALUES * (rule["rise_levels"] / _LEVELS) ** 2 / ends**2, color=_LINEAR, linewidth=1)


def _legend(looks: dict[str, base.Look], ways: Sequence[_Way]) -> list[object]:
    from matplotlib.lines import Line2D

    handles: list[object] = [
        Line2D([], [], color=look.color, marker=look.marker, linestyle=look.dashes, label=look.label)
        for look in looks.values()
    ]
    for kind in (_LONGER, _PENALTY):
        if any(way.kind == kind for way in ways):
            marker = "*" if kind == _PENALTY else "o"
            face = _HOLLOW.get(kind, "0.3")
            handles.append(
                Line2D([], [], color="0.3", marker=marker, linestyle="none", markerfacecolor=face, label=kind)
            )
    return [*handles, Line2D([], [], color=_LINEAR, linewidth=1, label="this slope everywhere (eq. 10)")]


FIGURE = base.Figure(
    tables=("criteria",),
    shows=(shown.criteria,),
    draw=draw,
    caption="""
What noise in training changes

DeepJSCC trained without noise, with noise of several SNRs, and with a penalty on its slope instead, at the middle test
SNR. Top: PSNR without an attack, and spectral norm of the decoder's Jacobian at what is received. Bottom left: median
least energy ‖s‖² that breaks an image under three criteria: a fixed PSNR, a fixed loss of PSNR, a fixed rise of the
RMSE. Bottom right: the same against the slope, with the power that a decoder of this slope everywhere would need
(eq. 10). Over {{ params.criteria.images | number }} test images of {{ dataset }}; bars: 95% intervals over images and,
where there are several, trainings. Look at the fixed rise of the RMSE: it takes out how far the clean image is from
being broken, which the fixed PSNR does not. The table has all test SNRs.
""",
)
