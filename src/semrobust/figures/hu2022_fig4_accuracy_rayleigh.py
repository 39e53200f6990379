"""Hu 2022, figure 4: accuracy over a Rayleigh channel, with and without semantic noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from semrobust.figures import base, canvas, recognition, recognition_notes, shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_CHANNEL = "rayleigh"
_CURVES = {
    True: ("mae", "mae_coded", "jpeg", "chain", "vit", "mae_no_at"),
    False: ("mae", "mae_coded", "jpeg", "chain", "vit"),
}


def draw(inputs: base.FigureInputs) -> Figure:
    """Accuracy over SNR of the paper's schemes; the plain classifier, which sends nothing, as horizontal lines."""
    rows, schemes = recognition.rows_of(inputs, "accuracy"), recognition.roles(inputs)
    rows = rows[rows["system"].isin(list(schemes.values()))]
    looks = recognition.looks(inputs)
    figure = canvas.sheet(4.5)
    axes = figure.subplots()
    for noisy, curves in _CURVES.items():
        chosen = recognition.under(rows, inputs, noisy)
        for role in (role for role in curves if role in schemes):
            of_system, look = chosen[chosen["system"] == schemes[role]], looks[schemes[role]]
            if role == "vit":
                recognition.level(axes, of_system[of_system["channel"] == recognition.ERROR_FREE], look, noisy)
            else:
                recognition.line(axes, of_system[of_system["channel"] == _CHANNEL], "snr_db", look, noisy)
    recognition.accuracy_axis(axes)
    base.label_snr(axes)
    channel = inputs.settings["labels"]["channels"].get(_CHANNEL, "")
    axes.set_title(f"channel: {channel}" if channel else "no Rayleigh channel in this run", loc="left")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=2)
    shown = rows[(rows["channel"] == _CHANNEL) | (rows["channel"] == recognition.ERROR_FREE)]
    notes = [recognition_notes.noise_note(inputs, shown), *recognition_notes.training_notes(inputs, schemes.values())]
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

Share of test images of {{ dataset }} whose class is named right, over the channel SNR. Filled, solid: no semantic
noise; hollow, dashed (SN): noise made against each system itself. ViT gets the image without errors and is a
horizontal line; dotted: guessing. {{ params.recognition.images | number }} images per point; bands: Wilson 95%
intervals. Look at MAE against the conventional chain at equal noise, and at what adversarial training costs without
noise. The systems do not spend the same number of symbols: see the overhead table.
""",
)
