"""Hu 2022, figure 3, measured: how many codebook indices change under semantic noise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from semrobust.figures import base, canvas, recognition, recognition_notes, shown

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure

_RATE = ("flip_rate", "flip_low", "flip_high")
_RANDOM = "random"


def draw(inputs: base.FigureInputs) -> Figure:
    """Share of indices that change over ε, by system: the default noise solid, random noise dotted."""
    rows, classifiers = recognition.rows_of(inputs, "index_flips"), inputs.settings["classifiers"]
    looks = {
        name: look
        for name, look in recognition.looks(inputs).items()
        # a network that another system shares changes the same indices
        if name in set(rows["system"]) and classifiers[name]["training"] is not None
    }
    noises = {inputs.settings["recognition"]["default_noise"]: "-", _RANDOM: ":"}
    rows = rows[rows["system"].isin(list(looks)) & rows["attack"].isin(list(noises))]
    figure = canvas.sheet(3.5)
    axes = figure.subplots()
    for name, look in looks.items():
        for noise, dashes in noises.items():
            part = rows[(rows["system"] == name) & (rows["attack"] == noise)].sort_values("levels")
            value, low, high = (part[column] for column in _RATE)
            axes.fill_between(part["levels"], low, high, color=look.color, alpha=0.15, linewidth=0)
            face = look.color if dashes == "-" else "white"
            axes.plot(
                part["levels"], value, color=look.color, marker=look.marker, linestyle=dashes, markerfacecolor=face
            )
    axes.set_ylim(-0.02, 1.02)
    axes.set_ylabel("indices that change (share)")
    norm = str(rows["norm"].dropna().iloc[0]) if rows["norm"].notna().any() else "linf"
    axes.set_xlabel(f"ε (levels of 1/255, p = {'∞' if norm == 'linf' else norm.removeprefix('l')})")
    axes.set_xticks(sorted(set(rows["levels"])))
    labels = {dashes: inputs.settings["labels"]["noise"].get(noise, noise) for noise, dashes in noises.items()}
    figure.legend(handles=_legend(looks, labels), loc="outside upper center", ncols=3)
    notes = [
        f"Indices with noise against those of the same image without. {recognition_notes.bands_note(rows)}",
        *recognition_notes.training_notes(inputs, looks),
        *recognition_notes.sanity_notes(inputs, looks),
    ]
    recognition_notes.finish(figure, inputs, rows["n_images"], notes)
    return figure


def _legend(looks: dict[str, base.Look], noises: dict[Any, str]) -> list[Artist]:
    from matplotlib.lines import Line2D

    systems = [Line2D([], [], color=look.color, marker=look.marker, label=look.label) for look in looks.values()]
    kinds = [Line2D([], [], color="0.3", linestyle=dashes, label=f"noise: {label}") for dashes, label in noises.items()]
    return [*systems, *kinds]


FIGURE = base.Figure(
    tables=("index_flips", "attack_sanity"),
    shows=(shown.classifiers, shown.recognition, shown.channels),
    draw=draw,
    caption="""
Codebook indices that semantic noise changes

Share of an image's codebook indices that differ once semantic noise of size ε is added to the image, before any
channel; solid: noise made against the system, dotted: random signs of the same size. Over
{{ params.recognition.images | number }} test images of {{ dataset }}; bands: 95% bootstrap intervals over images. The
paper's sketch has features stay with their basis vector: then the lines would stay near 0. Look at what adversarial
training changes, and at how far iterated noise lies above random signs.
""",
)
