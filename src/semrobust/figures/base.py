"""What every figure shares: its inputs, its registration, and one look per system and attack in all figures."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.figure
import numpy as np
import pandas as pd
import seaborn
from matplotlib.axes import Axes
from matplotlib.axis import Axis, XAxis

from semrobust.config.settings import Plain
from semrobust.errors import ParamsError
from semrobust.figures.shown import Part

Color = tuple[float, float, float]

_LEAST_EXPONENT = -1  # smaller means are next to no attack at all and would push all others together

BEST_OF = "best_of"
"""What the tables call the cheapest of all attacks on a system, image by image."""

LEAST_POWER = ("power_total_median", "power_total_median_low", "power_total_median_high")
"""Columns of the one statistic that least powers are shown by, with its interval: A171."""

# from many between two powers of ten to none
_DIGITS = ((1, 1.2, 1.5, *range(2, 10)), (1, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,))

# the lengths share no factor with a palette of ten colours, so many systems pass before a combination comes again;
# every marker can be hollow, which is how a bound is told from a value
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", "*", ">", "p")
_DASHES = ("-", "--", "-.", (0, (1, 1.2)), (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)), (0, (3, 1)))


@dataclass(frozen=True)
class FigureInputs:
    """What a figure is drawn from.

    Attributes:
        tables: the result tables that the figure asked for, by name.
        gallery: file of example pictures, if the figure asked for it.
        settings: those of the step `figure`: `plot`, and what the figure `shows`.
        dataset: the dataset's name and digests, as recorded.
        run: name of the run.
        id: provenance id, printed in the figure.
    """

    tables: Mapping[str, pd.DataFrame]
    gallery: Path | None
    settings: Plain
    dataset: Plain
    run: str
    id: str


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One figure. Its file defines it as `FIGURE`, and the file's name is the figure's.

    Attributes:
        draw: turns inputs into a picture; knows no system by its name.
        tables: the result tables that it reads.
        gallery: whether it shows the example pictures of the step `gallery`.
        shows: what it says beside its tables; what it does not name, it cannot read.
        caption: see `pipeline.captions`; without one, the docstring of `draw`.
    """

    draw: Callable[[FigureInputs], matplotlib.figure.Figure]
    tables: tuple[str, ...] = ()
    gallery: bool = False
    shows: tuple[Part, ...] = ()
    caption: str = ""

    @property
    def template(self) -> str:
        """The caption's template."""
        return self.caption or inspect.getdoc(self.draw) or ""


@dataclass(frozen=True)
class Look:
    """How one system or attack is shown, in every figure alike."""

    label: str
    color: Color
    marker: str
    dashes: Any


def looks(inputs: FigureInputs, section: str) -> dict[str, Look]:
    """Looks of the attacked `systems` or of all `attacks` of the run by name, in the order of the params.

    Raises ParamsError if the palette is not one that seaborn knows.
    """
    labels = inputs.settings["labels"][section]
    return plain_looks(labels, colors(inputs, len(labels)))


def colors(inputs: FigureInputs, count: int) -> Sequence[Color]:
    """The first colours of the run's palette; raises ParamsError if seaborn does not know it."""
    palette = inputs.settings["plot"]["palette"]
    try:
        return list(seaborn.color_palette(palette, count))
    except ValueError as error:
        raise ParamsError([f"plot.palette: {palette!r}, must be a palette of seaborn such as 'colorblind'"]) from error


def plain_looks(labels: Mapping[str, str], colors: Sequence[Color]) -> dict[str, Look]:
    """Looks by name for these labels: the colours in turn, each with its own marker and dashes."""
    return {
        name: Look(label, colors[i % len(colors)], _MARKERS[i % len(_MARKERS)], _DASHES[i % len(_DASHES)])
        for i, (name, label) in enumerate(labels.items())
    }


def feasible(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows with measures: those of systems whose pictures fit the bit budget."""
    return frame[frame["status"] == "ok"]


def infeasible_note(frame: pd.DataFrame, inputs: FigureInputs, column: str = "system") -> list[str]:
    """One sentence that names the systems in `column` without any feasible row; none if there are none."""
    left = set(feasible(frame)[column])
    labels = inputs.settings["labels"]["systems"] | inputs.settings["labels"]["rungs"]
    for study in inputs.settings["labels"]["studies"].values():
        labels |= study
    missing = [label for name, label in labels.items() if name in set(frame[column]) - left]
    return [f"Infeasible: {', '.join(missing)} does not fit the bit budget."] if missing else []


def finite(rows: pd.DataFrame, columns: tuple[str, str, str]) -> pd.DataFrame:
    """The rows with nothing in place of values and interval ends that are infinite, and that no axis holds."""
    return rows.assign(**{column: rows[column].replace([math.inf, -math.inf], math.nan) for column in columns})


def curve(
    axes: Axes, rows: pd.DataFrame, columns: tuple[str, str, str], look: Look, hollow: pd.Series[bool] | None = None
) -> None:
    """Draw one line over SNR with its 95% band; `columns` are value, low and high, `hollow` marks bounds."""
    value, low, high = columns
    snr_db = rows["snr_db"].to_numpy()
    axes.fill_between(snr_db, rows[low], rows[high], color=look.color, alpha=0.2, linewidth=0)
    (line,) = axes.plot(
        snr_db, rows[value], color=look.color, linestyle=look.dashes, marker=look.marker, label=look.label
    )
    if hollow is not None and hollow.any():
        bounds = np.where(hollow, rows[value], np.nan)
        axes.plot(
            snr_db, bounds, linestyle="none", marker=look.marker, color=look.color, markerfacecolor="white",
            zorder=line.get_zorder() + 0.1,
        )  # fmt: skip


def nothing(axes: Axes, why: str) -> None:
    """Say in a panel without a value why there is none."""
    axes.text(
        0.5, 0.5, why, transform=axes.transAxes, ha="center", va="center", color="0.3", fontsize="medium",
        backgroundcolor="white",
    )  # fmt: skip


def label_snr(axes: Axes) -> None:
    """Name and divide the x axis: the same quantity in every figure."""
    axes.set_xlabel("channel SNR per real use (dB)")
    axes.locator_params(axis="x", nbins=6, integer=True, steps=[1, 2, 4, 5, 10])


def plain_ticks(axis: Axis) -> None:
    """Write the numbers of a logarithmic axis out, with as many between the decades as there is room for."""
    from matplotlib import ticker

    low, high = axis.get_view_interval()
    if low > 0:  # a scale that turns linear at its lower end places its own ticks
        room = _labels_that_fit(axis) / math.log10(high / low)
        digits = next((digits for digits in _DIGITS if len(digits) <= room), _DIGITS[-1])
        axis.set_major_locator(ticker.LogLocator(subs=digits))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(ticker.NullFormatter())


def _labels_that_fit(axis: Axis) -> float:
    """How many numbers of four digits can stand side by side or one above the other."""
    place, sheet = axis.axes.get_position(), axis.axes.get_figure(root=True)
    assert sheet is not None
    width, height = sheet.get_size_inches()
    letters, inches = (3.6, place.width * width) if isinstance(axis, XAxis) else (1.8, place.height * height)
    return 72.0 * float(inches) / (letters * float(matplotlib.rcParams["font.size"]))


def power_scale(power: pd.Series[float]) -> dict[str, Any]:
    """Logarithmic scale; where there are zeros among the means, one that turns linear below the others."""
    positive = power[power > 0]
    if positive.empty or not (power == 0).any():
        return {"value": "linear" if positive.empty else "log"}
    exponent = max(math.floor(math.log10(positive.min())), _LEAST_EXPONENT)
    decades = math.log10(positive.max()) - exponent
    return {"value": "symlog", "linthresh": 10.0**exponent, "linscale": 0.1 * decades}
