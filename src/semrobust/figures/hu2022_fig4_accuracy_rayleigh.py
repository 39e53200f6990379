"""Hu 2022, figure 4: accuracy over a Rayleigh channel, with and without semantic noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from semrobust.figures import base, canvas, recognition, recognition_notes, shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

_CHANNEL = "rayleigh"
_TITLES = {False: "without semantic noise", True: "with semantic noise (SN)"}


def draw(inputs: base.FigureInputs) -> Figure:
    """Accuracy over SNR of the paper's schemes; the plain classifier, which sends nothing, as horizontal lines."""
    rows, schemes = recognition.rows_of(inputs, "accuracy"), recognition.roles(inputs)
    rows = rows[rows["system"].isin(list(schemes.values()))]
    looks = recognition.looks(inputs)
    figure = canvas.sheet(3.6)
    legend: dict[str, Line2D] = {}  # of the left panel: the right one is told apart by its title
    for axes, (noisy, title) in zip(figure.subplots(1, 2, sharey=True), _TITLES.items(), strict=True):
        chosen = recognition.under(rows, inputs, noisy)
        for role, name in schemes.items():
            of_system, look = chosen[chosen["system"] == name], looks[name]
            if role == "vit":
                recognition.level(
                    axes, of_system[of_system["channel"] == recognition.ERROR_FREE], look, noisy, look.label
                )
            else:
                recognition.line(axes, of_system[of_system["channel"] == _CHANNEL], "snr_db", look, noisy)
        recognition.accuracy_axis(axes, rows, named=not noisy)
        base.label_snr(axes)
        axes.set_title(title)
        if not noisy:
            legend = {str(line.get_label()): line for line in axes.lines}
    figure.legend(legend.values(), legend.keys(), loc="outside upper center", ncols=3)
    channel = inputs.settings["labels"]["channels"].get(_CHANNEL, "")
    shown = rows[(rows["channel"] == _CHANNEL) | (rows["channel"] == recognition.ERROR_FREE)]
    notes = [f"Channel: {channel}." if channel else "No Rayleigh channel in this run."]
    notes += [recognition_notes.noise_note(inputs, shown), *recognition_notes.training_notes(inputs, schemes.values())]
    if "vit" in schemes:
        notes.append(f"Horizontal: {looks[schemes['vit']].label}, which gets the image without errors.")
    notes += recognition_notes.sanity_notes(inputs, schemes.values())
    recognition_notes.finish(figure, inputs, shown["n_images"], notes)
    return figure


FIGURE = base.Figure(
    tables=("accuracy", "attack_sanity"),
    shows=(shown.classifiers, shown.recognition, shown.channels),
    draw=draw,
    caption="""
Accuracy over a Rayleigh channel, with and without semantic noise

Share of test images of {{ dataset }} classified correctly, over the channel SNR. Left: no semantic noise; right,
hollow and dashed: noise made against each system itself. ViT gets the image without errors and is a
horizontal line; dotted: guessing. {{ params.recognition.images | number }} images per point; bands: Wilson 95%
intervals. Look at MAE against the separation-based baseline at equal noise, and at what adversarial training costs
without noise. The systems do not spend the same number of symbols: see the overhead table.
""",
)
