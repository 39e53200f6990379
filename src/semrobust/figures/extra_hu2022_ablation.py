"""What each part of the masked autoencoder of hu2022 is worth, without noise and under the noise that hurts most."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from semrobust.figures import base, canvas, recognition, recognition_notes, shown

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TRANSFER = "transfer"
_ROW = 0.42  # inches per system
_OFFSETS = {"clean": -0.22, "default": 0.0, "strongest": 0.22}


def draw(inputs: base.FigureInputs) -> Figure:
    """Three dots per trained masked autoencoder: no noise, the default noise, the strongest of all noise tried."""
    classifiers = inputs.settings["classifiers"]
    rows = recognition.at_point(recognition.rows_of(inputs, "accuracy"), inputs)
    looks = {
        name: look
        for name, look in recognition.looks(inputs).items()
        if classifiers[name]["kind"] == "mae_vq" and classifiers[name]["training"] and name in set(rows["system"])
    }
    rows = rows[rows["system"].isin(list(looks))]
    figure = canvas.sheet(1.1 + _ROW * max(1, len(looks)))
    axes = figure.subplots()
    strongest = {}
    for place, (name, look) in enumerate(looks.items()):
        of_system = rows[rows["system"] == name]
        worst = _strongest(of_system, inputs)
        _dot(axes, recognition.under(of_system, inputs, False), place, "clean", look)
        _dot(axes, recognition.under(of_system, inputs, True), place, "default", look)
        _dot(axes, worst, place, "strongest", look)
        strongest[place] = _named(worst, inputs)
    labels = [textwrap.fill(look.label, 22) for look in looks.values()]
    axes.set_yticks(range(len(looks)), labels)
    axes.set_ylim(max(1, len(looks)) - 0.5, -0.5)
    axes.set_xlim(*recognition.span(rows))
    axes.set_xlabel(recognition.ACCURACY_LABEL)
    right = axes.secondary_yaxis("right")
    right.set_yticks(list(strongest), [textwrap.fill(text, 24) for text in strongest.values()])
    right.tick_params(length=0)
    right.set_ylabel("strongest noise")
    _legend(figure, inputs)
    notes = [
        f"Over {recognition.point_name(inputs)}. Strongest: the lowest accuracy under all noise of the same bound that "
        f"was tried, its own and others', so chance lowers it a little. {recognition_notes.bands_note(rows, 'Bars')}",
        *recognition_notes.training_notes(inputs, looks),
        *recognition_notes.sanity_notes(inputs, looks),
    ]
    recognition_notes.finish(figure, inputs, rows["n_images"], notes)
    return figure


def _strongest(rows: pd.DataFrame, inputs: base.FigureInputs) -> pd.DataFrame:
    """The row of lowest accuracy under noise of the default level and norm."""
    noisy = rows[(rows["attack"] != recognition.CLEAN) & rows["accuracy"].notna()]
    noisy = noisy[recognition.at_level(noisy, inputs.settings["recognition"]["default_level"])]
    noisy = noisy[noisy["norm"].isin(recognition.under(rows, inputs, True)["norm"].unique())]
    return noisy.sort_values("accuracy", kind="stable").head(1)


def _named(worst: pd.DataFrame, inputs: base.FigureInputs) -> str:
    """The noise of a row in words; of a transfer, whose it was."""
    labels = inputs.settings["labels"]
    for attack, source in zip(worst["attack"], worst["source"], strict=True):
        if attack == _TRANSFER:
            return f"made against {labels['classifiers'].get(source, source)}"
        return str(labels["noise"].get(attack, attack))
    return "none tried"


def _dot(axes: Axes, rows: pd.DataFrame, place: int, condition: str, look: base.Look) -> None:
    for value, low, high in rows[list(recognition.ACCURACY)].head(1).itertuples(index=False):
        y, scale = place + _OFFSETS[condition], canvas.scale()
        axes.hlines(y, low, high, color=look.color, linewidth=1.1 * scale, gid=condition)
        axes.plot([value], [y], linestyle="none", color=look.color, gid=condition, **_mark(condition, look.color))


def _mark(condition: str, color: object) -> dict[str, Any]:
    marker = "D" if condition == "strongest" else "o"
    return {"marker": marker, "markerfacecolor": color if condition == "clean" else "white"}


def _legend(figure: Figure, inputs: base.FigureInputs) -> None:
    from matplotlib.lines import Line2D

    given = inputs.settings["recognition"]
    level = f"{given['default_level']:g}/255"
    named = inputs.settings["labels"]["noise"][given["default_noise"]]
    labels = {
        "clean": "no noise",
        "default": f"noise against itself: {named}, ε = {level}",
        "strongest": f"strongest noise, ε = {level}",
    }
    handles = [
        Line2D([], [], linestyle="none", color="0.3", label=label, **_mark(condition, "0.3"))
        for condition, label in labels.items()
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=3)


FIGURE = base.Figure(
    tables=("accuracy", "attack_sanity"),
    shows=(shown.classifiers, shown.recognition, shown.channels),
    draw=draw,
    caption="""
What each part of hu2022 contributes under semantic noise

Share of test images of {{ dataset }} classified correctly, for the masked autoencoder and for variants that
lack one part each. Filled: no noise; circle: noise made against the system itself; diamond: the strongest noise of
that bound tried, others' included. AWGN at {{ params.recognition.at_snr_db | number }} dB;
{{ params.recognition.images | number }} images per point, bars: Wilson 95% intervals. All send equally many symbols. A
part contributes if the variant without it lies to the left of the whole; where bars overlap, the paired differences in
``accuracy_difference.csv`` may still tell.
""",
)
