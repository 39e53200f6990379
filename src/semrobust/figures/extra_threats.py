"""Both papers' threats on both papers' systems: how little breaks each of them."""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from semrobust.figures import base, canvas, palette, recognition, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

_SIZE = ("size_median", "size_median_low", "size_median_high")
_TASKS = {"image": "reconstruct images", "class": "classify images"}
_MEASURES = {
    "power_total": "energy on the air, ‖s‖²",
    "noise_linf": "semantic noise, 255 ‖Δ‖∞",
    "noise_l2": "semantic noise, 255 ‖Δ‖₂",
}
_HEAD, _ROW = 1.5, 0.34  # inches
_VALUES = 3 * 32 * 32  # of an image
_FAITHFUL: dict[str, Any] = {"color": "0.5", "linestyle": ":"}


def draw(inputs: base.FigureInputs) -> Figure:
    """A row of panels per task, a column per measure: medians over images that are right when nobody attacks."""
    table = inputs.tables["threats"]
    best = table[(table["attack"] == base.BEST_OF) & (table["population"] == "right") & table["ratio"].isna()]
    labels = {task: inputs.settings["labels"]["threatened"][task] for task in _TASKS}
    known = palette.looks(inputs, "systems") | recognition.looks(inputs)
    count = sum(map(len, labels.values()))
    figure = canvas.sheet(_HEAD + _ROW * max(count, 2))
    heights = [max(len(of), 1) for of in labels.values()]
    grid = figure.subplots(
        len(_TASKS), len(_MEASURES), squeeze=False, sharey="row", sharex="col", height_ratios=heights
    )
    for row, (task, of_task) in enumerate(labels.items()):
        looks = {name: known[name] for name in of_task}
        for column, (measure, name) in enumerate(_MEASURES.items()):
            axes = grid[row, column]
            rows = best[best["measure"] == measure].set_index("system")
            for place, (system, look) in enumerate(looks.items()):
                if system in rows.index:
                    _bar(axes, [float(rows[name][system]) for name in _SIZE], place, look)
            if len(looks) and not axes.has_data():
                base.nothing(axes, "none is right without an attack")
            if task == "image" and column:
                _faithful(axes, measure, inputs)
            axes.set_ylim(max(len(looks), 1) - 0.5, -0.5)
            if row == len(_TASKS) - 1:
                axes.set_xlabel(name)
        grid[row, 0].set_yticks(range(len(looks)), [textwrap.fill(look.label, 22) for look in looks.values()])
        grid[row, 0].set_title(_TASKS[task], loc="left", fontsize="medium")
    for axes, measure in zip(grid[0], _MEASURES, strict=True):
        sizes = best[best["measure"] == measure][list(_SIZE)].to_numpy(float)
        sizes = sizes[np.isfinite(sizes) & (sizes > 0)]
        if len(sizes):
            axes.set(xscale="log", xlim=(sizes.min() / 2, 3 * sizes.max()))  # wide enough for plain ticks
            base.plain_ticks(axes.xaxis)
    psnr_db, snr_db = inputs.settings["success_psnr_db"], table["snr_db"].iloc[0] if len(table) else math.nan
    notes = [
        f"Median of the least size found, with 95% bootstrap intervals; AWGN at {snr_db:g} dB. Images that are right "
        "when nobody attacks; arrows: half of them withstood all that was tried.",
        f"An attack succeeds at a PSNR of {psnr_db:g} dB or less against the clean original, or where the image is "
        "misclassified. Dotted: noise that alone has that PSNR, as over a link without any loss.",
    ]
    figure.legend(handles=[_faithful_line()], loc="outside upper right")
    canvas.footer(figure, inputs, table["n_images"].tolist(), notes)
    return figure


def _bar(axes: Axes, size: list[float], place: int, look: base.Look) -> None:
    """A median with its interval, an arrow to the right where that is infinite."""
    value, low, high = size
    if not value > 0 or not low > 0:
        return
    ends = [end for end in (low, value, high) if math.isfinite(end)]
    if ends:
        axes.hlines(place, min(ends), max(ends), color=look.color, linewidth=1.0 * canvas.scale())
    if math.isfinite(value):
        axes.plot([value], [place], linestyle="none", marker=look.marker, color=look.color)
    if not math.isfinite(high):
        axes.plot(
            [0.985], [place], linestyle="none", marker=">", color=look.color, transform=axes.get_yaxis_transform()
        )


def _faithful(axes: Axes, measure: str, inputs: base.FigureInputs) -> None:
    """Where noise alone is as large as the threshold of success."""
    rmse = 255.0 * 10.0 ** (-inputs.settings["success_psnr_db"] / 20.0)
    size = rmse if measure == "noise_linf" else rmse * float(np.sqrt(_VALUES))
    axes.axvline(size, **_FAITHFUL, linewidth=canvas.scale())


def _faithful_line() -> Line2D:
    from matplotlib.lines import Line2D

    return Line2D([], [], **_FAITHFUL, label="noise that breaks an image by itself")


FIGURE = base.Figure(
    tables=("threats",),
    shows=(shown.threats, shown.systems, shown.classifiers, shown.recognition, shown.success),
    draw=draw,
    caption="""
Both threats on both tasks

How little breaks each system: energy on the air, and semantic noise in two norms, for systems that reconstruct images
and for those that classify them; median over those of the first
{{ [params.threats.images, params.evaluation.attack_images] | min | number }} test images of {{ dataset }} that are
right when nobody attacks, near {{ params.threats.snr_db | number }} dB, each image under its best attack; bars: 95%
intervals over images. Left of the dotted line a receiver makes noise larger than it is.
""",
)
