"""Hu 2022, figure 6: accuracy under semantic noise over channels that training has not seen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from semrobust.figures import base, canvas, recognition, recognition_notes, shown

_PAPER = ("awgn", "rayleigh", "rician")  # the paper's channels; all others are thin and grey
_GREYS = ((0.25, 0.25, 0.25), (0.55, 0.55, 0.55))
_DARK = (0.3, 0.3, 0.3)


def draw(inputs: base.FigureInputs) -> Figure:
    """Accuracy under the default noise over SNR: a panel per scheme, a line per channel."""
    found, looks = recognition.roles(inputs), recognition.looks(inputs)
    systems = [found[role] for role in ("mae", "jpeg") if role in found]
    rows = recognition.under(recognition.rows_of(inputs, "accuracy"), inputs, True)
    rows = rows[rows["system"].isin(systems) & (rows["channel"] != recognition.ERROR_FREE)]
    figure = canvas.sheet(3.4)
    panels = figure.subplots(1, max(1, len(systems)), sharex=True, sharey=True, squeeze=False)
    for index, axes in enumerate(panels.flat):
        for name in systems[index : index + 1]:
            _panel(axes, inputs, rows[rows["system"] == name], looks[name])
            axes.set_title(recognition.label(looks[name], True), color=looks[name].color)
        guessing = recognition.accuracy_axis(axes, rows, named=index == 0)
        base.label_snr(axes)
    figure.legend(handles=[*_legend(inputs, rows), guessing], loc="outside upper center", ncols=3)
    notes = [
        recognition_notes.noise_note(inputs, rows),
        *(_trained(inputs, name) for name in systems if (inputs.settings["classifiers"][name].get("training"))),
        *recognition_notes.training_notes(inputs, systems),
        *recognition_notes.sanity_notes(inputs, systems),
    ]
    recognition_notes.finish(figure, inputs, rows["n_images"], notes)
    return figure


def _channels(inputs: base.FigureInputs, rows: pd.DataFrame, color: base.Color) -> dict[str, tuple[base.Look, bool]]:
    """Looks of the channels with rows, and which are the paper's: those in dark to light tones of one colour."""
    present = set(rows["channel"])
    labels = inputs.settings["labels"]["channels"]
    seen = base.plain_looks(labels, [_DARK])
    paper = [name for name in _PAPER if name in labels]
    tones = [seaborn.blend_palette([(0.1, 0.1, 0.1), color, (0.93, 0.93, 0.93)], 101)[step] for step in (25, 50, 70)]
    others = [name for name in labels if name not in paper]
    result = {name: (replace(seen[name], color=tones[i]), True) for i, name in enumerate(paper)}
    result |= {name: (replace(seen[name], color=_GREYS[i % len(_GREYS)]), False) for i, name in enumerate(others)}
    return {name: look for name, look in result.items() if name in present}


def _panel(axes: Axes, inputs: base.FigureInputs, rows: pd.DataFrame, look: base.Look) -> None:
    for name, (seen, main) in _channels(inputs, rows, look.color).items():
        of_channel = rows[rows["channel"] == name].sort_values("snr_db")
        if main:
            base.curve(axes, of_channel, recognition.ACCURACY, seen)
            continue
        axes.plot(of_channel["snr_db"], of_channel["accuracy"], label=seen.label, **_thin(seen))


def _thin(seen: base.Look) -> dict[str, Any]:
    scale = canvas.scale()
    style = {"color": seen.color, "linestyle": seen.dashes, "marker": seen.marker, "markerfacecolor": "white"}
    return style | {"linewidth": 0.7 * scale, "markersize": 2.8 * scale, "zorder": 1.9}


def _legend(inputs: base.FigureInputs, rows: pd.DataFrame) -> list[Line2D]:
    """Lines in grey, since the colour says which system."""
    from matplotlib.lines import Line2D

    handles = []
    for seen, main in _channels(inputs, rows, (0.5, 0.5, 0.5)).values():
        style = {"color": seen.color, "linestyle": seen.dashes, "marker": seen.marker} if main else _thin(seen)
        handles.append(Line2D([], [], label=seen.label, **style))
    return handles


def _trained(inputs: base.FigureInputs, name: str) -> str:
    """Over which channel a system was trained."""
    training, labels = inputs.settings["classifiers"][name]["training"], inputs.settings["labels"]
    if training["channel"] is None:
        return f"{labels['classifiers'][name]} was trained without a channel."
    channel = labels["channels"].get(training["channel"], training["channel"])
    return f"{labels['classifiers'][name]} was trained over {channel} at {training['snr_db']:g} dB only."


FIGURE = base.Figure(
    tables=("accuracy", "attack_sanity"),
    shows=(shown.classifiers, shown.recognition, shown.channels),
    draw=draw,
    caption="""
Accuracy under semantic noise over channels that training has not seen

Share of test images of {{ dataset }} classified correctly under semantic noise, over the channel SNR, for each
channel of the run: the masked autoencoder left, the separation-based baseline right.
{{ params.recognition.images | number }} images per point; bands: Wilson 95% intervals. Look at how far the lines of
one panel lie apart: the paper has the autoencoder's close together and the baseline's apart.
""",
)
