"""Figure of one machine's timings of the LDPC decoder; not a figure of a run, so it is not in the registry."""

from __future__ import annotations

import numpy as np
import pandas as pd
import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from semrobust.config.settings import Plain
from semrobust.figures import canvas

_MARKERS = {"min-sum": ("s", "--"), "sum-product": ("o", "-")}


def draw(table: pd.DataFrame, summary: Plain) -> Figure:
    """Speed over batch, code length and cores, and the roofline; under `canvas.style`.

    `table` and `summary` are those of `semrobust bench ldpc --scaling`.
    """
    figure = canvas.sheet(5.4)
    batch, length, cores, roof = figure.subplots(2, 2).flat
    _sweep(batch, table, "batch", "words_per_second", 1e3, "words in a batch", "10³ words/s")
    _sweep(length, table, "n", "updates_per_second", 1e9, "code length n (bits)", "10⁹ edge updates/s")
    _sweep(cores, table, "cores", "words_per_second", 1e3, "cores", "10³ words/s")
    for axes, base in ((batch, 4), (length, 2)):
        axes.set_xscale("log", base=base)
    _logarithmic(batch, table.loc[table["sweep"] == "batch", "words_per_second"] / 1e3)
    batch.set_xticks(4 ** np.arange(8), [f"{4**power}" for power in range(8)], minor=False)
    batch.minorticks_off()
    ticks = sorted(table.loc[table["sweep"] == "n", "n"].unique())
    length.set_xticks(ticks, [f"{tick}" for tick in ticks])
    length.minorticks_off()
    length.set_ylim(bottom=0)
    batch.legend(loc="lower right")
    counts = sorted(table.loc[table["sweep"] == "cores", "cores"].unique())
    for rule in _MARKERS:
        alone = table[(table["sweep"] == "cores") & (table["rule"] == rule) & (table["cores"] == 1)]
        cores.plot(counts, 1e-3 * alone["words_per_second"].iloc[0] * np.array(counts), ":", color="0.5", zorder=1)
    cores.set_xticks(counts)
    cores.set_ylim(bottom=0)
    cores.annotate(
        "dotted: as many times one core", (0.03, 0.95), xycoords="axes fraction", va="top", color="0.35",
        fontsize=canvas.SMALL * canvas.scale(),
    )  # fmt: skip
    _roofline(roof, summary)
    for axes, title in zip(figure.axes, ("a  batch", "b  length", "c  cores", "d  limits of one core"), strict=True):
        axes.set_title(title, loc="left")
    code, machine = summary["code"], summary["machine"]
    figure.supxlabel(
        f"(3, 6) code, n = {code['n']} in a, c, d; {code['snr_db']} dB, at most {code['iterations']} iterations, "
        f"stopping at a codeword.\n{machine['cpu']}, {machine['cores']} cores; load before: {machine['load']}.",
        x=0.012, ha="left", fontsize=canvas.SMALL * canvas.scale(), color="0.3",
    )  # fmt: skip
    return figure


def _colors() -> dict[str, tuple[float, float, float]]:
    return dict(zip(_MARKERS, seaborn.color_palette("colorblind", 2), strict=True))


def _sweep(axes: Axes, table: pd.DataFrame, sweep: str, value: str, unit: float, x: str, y: str) -> None:
    for rule, (marker, dashes) in _MARKERS.items():
        rows = table[(table["sweep"] == sweep) & (table["rule"] == rule)]
        axes.plot(rows[sweep], rows[value] / unit, dashes, marker=marker, color=_colors()[rule], label=rule)
    axes.set_xlabel(x)
    axes.set_ylabel(y)


def _logarithmic(axes: Axes, values: pd.Series[float]) -> None:
    """Logarithmic y axis around these values, with ticks at 1, 2, 5, 10, ..."""
    low, high = 0.6 * values.min(), 1.6 * values.max()
    ticks = [digit * 10.0**power for power in range(-6, 7) for digit in (1, 2, 5)]
    ticks = [tick for tick in ticks if low <= tick <= high]
    axes.set_yscale("log")
    axes.set_ylim(low, high)
    axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.yaxis.set_tick_params(which="minor", left=False, labelleft=False)


def _roofline(axes: Axes, summary: Plain) -> None:
    """Operations per second over operations per byte; filled: bytes of the state (L2), hollow: all loads and stores."""
    limit = summary["ceilings_per_second"]["cores_1"]
    small = canvas.SMALL * canvas.scale()
    peak = limit["operations"] / 1e9
    heights = [peak]
    for level, dashes in (("l1", "-."), ("l2", "-")):
        rate = limit[f"bytes_{level}"] / 1e9
        knee = peak / rate
        axes.plot([knee / 8, knee, 20], [peak / 8, peak, peak], dashes, color="0.35", zorder=1,
                  label=f"{level.upper()}: {rate:.0f} GB/s")  # fmt: skip
    axes.annotate(f"FMA: {peak:.0f}", (20, peak), xytext=(0, 3), textcoords="offset points", ha="right", fontsize=small)
    for rule, (marker, _) in _MARKERS.items():
        demand, reached = summary["rules"][rule]["demand_per_edge_and_iteration"], summary["rules"][rule]["cores_1"]
        speed, color = reached["operations_per_second"] / 1e9, _colors()[rule]
        heights.append(speed)
        for size, fill in (("bytes_state", color), ("bytes_all", "white")):
            axes.plot(demand["operations"] / demand[size], speed, marker, color=color, markerfacecolor=fill)
        axes.annotate(
            f"{rule}: {reached['share_of_operations']:.0%} of FMA",
            (demand["operations"] / demand["bytes_state"], speed),
            xytext=(0, -5), textcoords="offset points", ha="center", va="top", fontsize=small,
        )  # fmt: skip
    axes.set_xscale("log")
    axes.set_xticks([0.1, 0.3, 1, 3, 10], ["0.1", "0.3", "1", "3", "10"])
    axes.minorticks_off()
    _logarithmic(axes, pd.Series(heights))
    axes.legend(loc="upper left", fontsize=small)
    axes.set_xlabel("operations per byte (filled: L2, hollow: L1)")
    axes.set_ylabel("10⁹ operations/s")
