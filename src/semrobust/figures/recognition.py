"""What the figures of hu2022 share: who stands for which scheme, which rows are compared, accuracy on one axis."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from semrobust.config.roles import SCHEMES, recognition_roles
from semrobust.config.settings import LEVELS
from semrobust.figures import base, canvas, palette

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

CLEAN = "none"
NOISY = " + SN"
"""What follows a system's name under semantic noise, as in the paper."""

ERROR_FREE = "error_free"

ACCURACY = ("accuracy", "accuracy_low", "accuracy_high")
ACCURACY_LABEL = "accuracy (share of images)"
_CHANCE = 0.1  # ten classes
_NEAR = 0.01  # levels and dB closer than this are the same: tables are rounded


def roles(inputs: base.FigureInputs) -> dict[str, str]:
    """The run's systems for the schemes that the paper's figures show (`core.roles`)."""
    found = recognition_roles(inputs.settings["classifiers"])
    return {role: found[role] for role in SCHEMES if role in found}


def looks(inputs: base.FigureInputs) -> dict[str, base.Look]:
    """Looks of all classifying systems, in the order of the palette: first the paper's schemes, then variants of
    the masked autoencoder, so that what no figure shows as a line gets the palette's palest colours."""
    labels, classifiers = inputs.settings["labels"]["classifiers"], inputs.settings["classifiers"]
    variants = [name for name in labels if classifiers[name]["kind"] == "mae_vq"]
    ordered = {name: labels[name] for name in [*roles(inputs).values(), *variants, *labels]}
    settings = inputs.settings | {"labels": {"classifiers": ordered}}
    return palette.looks(replace(inputs, settings=settings), "classifiers")


def rows_of(inputs: base.FigureInputs, table: str) -> pd.DataFrame:
    """Rows of the run's systems, with ε as `levels` of 255."""
    rows = inputs.tables[table]
    rows = rows[rows["system"].isin(list(inputs.settings["labels"]["classifiers"]))]
    return rows.assign(levels=(rows["semantic_noise_eps"].astype(float) * LEVELS).round(2))


def under(rows: pd.DataFrame, inputs: base.FigureInputs, noisy: bool) -> pd.DataFrame:
    """Rows under the default noise at its default level, or those under no noise."""
    if not noisy:
        return rows[rows["attack"] == CLEAN]
    given = inputs.settings["recognition"]
    chosen: pd.Series[bool] = (rows["attack"] == given["default_noise"]) & at_level(rows, given["default_level"])
    return rows[chosen]


def at_level(rows: pd.DataFrame, level: float) -> pd.Series[bool]:
    """Which rows have this ε, in levels of 255."""
    return (rows["levels"] - level).abs() < _NEAR


def at_point(rows: pd.DataFrame, inputs: base.FigureInputs) -> pd.DataFrame:
    """Rows at the channel and SNR where noise is compared; of plain classifiers the error-free ones."""
    given, classifiers = inputs.settings["recognition"], inputs.settings["classifiers"]
    plain = [name for name, system in classifiers.items() if system["kind"] == "vit"]
    sent: pd.Series[bool] = (rows["channel"] == given["channel"]) & (
        (rows["snr_db"] - given["at_snr_db"]).abs() < _NEAR
    )
    return rows[sent | (rows["system"].isin(plain) & (rows["channel"] == ERROR_FREE))]


def point_name(inputs: base.FigureInputs) -> str:
    """Words for the channel and SNR of `at_point`."""
    given = inputs.settings["recognition"]
    return f"{inputs.settings['labels']['channels'].get(given['channel'], given['channel'])}, {given['at_snr_db']:g} dB"


def line(
    axes: Axes, rows: pd.DataFrame, x: str, look: base.Look, noisy: bool, columns: tuple[str, str, str] = ACCURACY
) -> None:
    """One line with its 95% band: solid and filled without noise, dashed and hollow under it. No rows, no line."""
    if rows.empty:
        return
    value, low, high = columns
    rows = rows.sort_values(x)
    axes.fill_between(rows[x], rows[low], rows[high], color=look.color, alpha=0.15, linewidth=0)
    axes.plot(
        rows[x], rows[value], color=look.color, marker=look.marker, linestyle="--" if noisy else "-",
        markerfacecolor="white" if noisy else look.color, label=label(look, noisy),
    )  # fmt: skip


def level(axes: Axes, rows: pd.DataFrame, look: base.Look, noisy: bool, named: str = "") -> None:
    """One horizontal line with its band, for what does not depend on the x axis. No rows, no line."""
    if rows.empty:
        return
    value, low, high = (float(rows[column].iloc[0]) for column in ACCURACY)
    axes.axhspan(low, high, color=look.color, alpha=0.15, linewidth=0)
    dashes = (0, (4, 1.5)) if noisy else "-"
    axes.axhline(
        value, color=look.color, linestyle=dashes, linewidth=0.9 * canvas.scale(), label=named or label(look, noisy),
        gid="level",
    )  # fmt: skip


def label(look: base.Look, noisy: bool) -> str:
    """Name of a system with or without semantic noise, as in the paper."""
    return f"{look.label}{NOISY}" if noisy else look.label


def span(rows: pd.DataFrame) -> tuple[float, float]:
    """An axis of accuracy from 0 to the next tenth above all intervals."""
    highest = float(rows[ACCURACY[2]].max()) if len(rows) else 1.0
    return -0.02, min(math.ceil(10 * highest) / 10, 1.0) + 0.02


def accuracy_axis(axes: Axes, rows: pd.DataFrame, named: bool = True) -> Line2D:
    """The axis of these rows, with the share that guessing gets as a line, which is returned for legends made by
    hand."""
    axes.set_ylim(*span(rows))
    if named:
        axes.set_ylabel(ACCURACY_LABEL)
    return axes.axhline(
        _CHANCE, color="0.45", linewidth=0.8 * canvas.scale(), linestyle=":", label="guessing", gid="reference"
    )


def epsilon(levels: float, norm: str) -> str:
    """The bound of a noise in words."""
    return f"ε = {levels:g}/255, p = {'∞' if norm == 'linf' else norm.removeprefix('l')}"
