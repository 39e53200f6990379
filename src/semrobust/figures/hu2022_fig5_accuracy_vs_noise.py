"""Hu 2022, figure 5: accuracy over the power of the semantic noise."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from semrobust.figures import base, canvas, recognition, recognition_notes, shown

_SHOWN = ("mae", "mae_no_at", "jpeg", "chain", "vit")
_BOUND = base.Look("", (0.35, 0.35, 0.35), "", "-")


def draw(inputs: base.FigureInputs) -> Figure:
    """Accuracy over ε at one channel and SNR: a panel for the default noise, and one for a noise of another norm."""
    found = recognition.roles(inputs)
    schemes = {role: found[role] for role in _SHOWN if role in found}
    rows = recognition.at_point(recognition.rows_of(inputs, "accuracy"), inputs)
    rows = rows[rows["system"].isin(list(schemes.values()))]
    norms = _panels(inputs, rows)
    figure = canvas.sheet(3.9)
    panels = figure.subplots(1, len(norms), sharey=True, squeeze=False, width_ratios=[1.35, 1][: len(norms)])
    for index, (axes, (noise, norm)) in enumerate(zip(panels.flat, norms.items(), strict=True)):
        _panel(axes, inputs, rows, schemes, noise)
        recognition.accuracy_axis(axes, rows, named=index == 0)
        axes.set_xlabel(f"ε (levels of 1/255, p = {'∞' if norm == 'linf' else norm.removeprefix('l')})")
        axes.set_title(f"noise: {inputs.settings['labels']['noise'].get(noise, noise)}", loc="left")
    handles = {
        text: handle
        for axes in panels.flat
        for handle, text in zip(*axes.get_legend_handles_labels(), strict=True)
    }  # fmt: skip
    figure.legend(handles.values(), handles.keys(), loc="outside upper center", ncols=2)
    notes = [
        f"Over {recognition.point_name(inputs)}; the plain classifier gets images without errors. SN: semantic noise, "
        f"made against each system itself; at ε = 0 there is none. {recognition_notes.bands_note(rows)}",
        *recognition_notes.training_notes(inputs, schemes.values()),
        *recognition_notes.sanity_notes(inputs, schemes.values()),
    ]
    recognition_notes.finish(figure, inputs, rows["n_images"], notes)
    return figure


def _panels(inputs: base.FigureInputs, rows: pd.DataFrame) -> dict[str, str]:
    """The default noise and the first of another norm, each with its norm."""
    default = inputs.settings["recognition"]["default_noise"]
    norms = {noise: str(of["norm"].iloc[0]) for noise, of in rows.groupby("attack") if noise != recognition.CLEAN}
    norm = norms.get(default, "linf")
    others = [noise for noise in inputs.settings["labels"]["noise"] if norms.get(noise, norm) != norm]
    return {default: norm} | {noise: norms[noise] for noise in others[:1]}


def _panel(axes: Axes, inputs: base.FigureInputs, rows: pd.DataFrame, schemes: dict[str, str], noise: str) -> None:
    """All schemes under one noise, between the accuracy of the plain classifier without noise and with the most."""
    looks = recognition.looks(inputs)
    clean, noisy = recognition.under(rows, inputs, False), rows[rows["attack"] == noise]
    for name in schemes.values():
        of_system = noisy[noisy["system"] == name]
        if len(of_system):
            start = clean[clean["system"] == name]
            points = pd.concat([start, of_system]).drop_duplicates("levels")
            recognition.line(axes, points, "levels", looks[name], noisy=True)
    plain = schemes.get("vit", "")
    named = looks[plain].label if plain else ""
    recognition.level(axes, clean[clean["system"] == plain], _BOUND, False, f"{named} without noise")
    worst = noisy[noisy["system"] == plain].sort_values("levels").tail(1)
    recognition.level(axes, worst, _BOUND, True, f"{named} under most noise")
    axes.set_xticks(sorted({0.0, *noisy["levels"]}))


FIGURE = base.Figure(
    tables=("accuracy", "attack_sanity"),
    shows=(shown.classifiers, shown.recognition, shown.channels),
    draw=draw,
    caption="""
Accuracy over the size of the semantic noise

Share of test images of {{ dataset }} classified correctly, over the bound ε of the noise, in 8-bit levels; one
panel per norm. Noise is made against each system itself; AWGN at {{ params.recognition.at_snr_db | number }} dB, ViT
without a channel. {{ params.recognition.images | number }} images per point; bands: Wilson 95% intervals. A line that
stays above guessing at large ε is what robustness looks like. Look at the slopes of systems trained with and without
an adversary.
""",
)
