"""What each receiver's accuracy falls to under attacks that know its defence, family by family and for the worst."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from semrobust.figures import base, canvas, recognition, recognition_notes, shown

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROW, _HEAD = 0.52, 1.2  # inches
_WORST, _ALL = "worst", "all"
CONDITIONS = {
    "none": ("no noise", "o", True),
    "default": ("default noise", "o", False),
    "white_box": ("own gradients", "s", False),
    "transfer": ("noise of others", "^", False),
    "black_box": ("without gradients", "v", False),
    _ALL: ("worst of all", "D", True),
}
"""Words, marker and whether it is filled, from the upper to the lower line of a system."""

_FLAGS = {
    "no_gradient": "images without a gradient",
    "loss_does_not_rise": "a loss that does not rise with the steps",
    "withstands_all": "accuracy left where noise hides any image",
    "beats_white_box": "attacks without its gradients that beat those with them",
}


def draw(inputs: base.FigureInputs) -> Figure:
    """Six dots per system, error-free: images classified correctly under what was tried; right, what took most."""
    table = inputs.tables["adaptive"]
    table = table[table["channel"] == recognition.ERROR_FREE]
    looks = {name: look for name, look in recognition.looks(inputs).items() if name in set(table["system"])}
    table = table[table["system"].isin(list(looks))]
    figure = canvas.sheet(_HEAD + _ROW * max(1, len(looks)))
    axes = figure.subplots()
    said = []
    for place, (name, look) in enumerate(looks.items()):
        rows = table[table["system"] == name]
        for line, condition in enumerate(CONDITIONS):
            y = place + (line - (len(CONDITIONS) - 1) / 2) * 0.13
            _dot(axes, _of(rows, condition, inputs), y, condition, look.color)
        said.append(_took_most(rows, inputs))
    labels = [textwrap.fill(look.label, 22) for look in looks.values()]
    axes.set_yticks(range(len(looks)), labels)
    axes.set_ylim(max(1, len(looks)) - 0.5, -0.5)
    axes.set_xlim(*recognition.span(table))
    axes.set_xlabel(recognition.ACCURACY_LABEL)
    right = axes.secondary_yaxis("right")
    right.set_yticks(range(len(said)), [textwrap.fill(text, 26) for text in said])
    right.tick_params(length=0)
    right.set_ylabel("took most: images taken (by it alone)")
    _legend(figure)
    notes = [
        "Nothing is lost on the air. Right: the attack that took most images, how many, and how many it took alone. "
        + recognition_notes.bands_note(table, "Bars"),
        *_flagged(table, inputs),
        *recognition_notes.training_notes(inputs, looks),
    ]
    recognition_notes.finish(figure, inputs, table["n_images"], notes)
    return figure


def _of(rows: pd.DataFrame, condition: str, inputs: base.FigureInputs) -> pd.DataFrame:
    family = condition not in (recognition.CLEAN, "default")
    attack = {recognition.CLEAN: recognition.CLEAN, "default": inputs.settings["recognition"]["default_noise"]}
    chosen: pd.Series[bool] = rows["attack"] == attack.get(condition, _WORST)
    return rows[chosen & (rows["family"] == condition)] if family else rows[chosen]


def _dot(axes: Axes, rows: pd.DataFrame, y: float, condition: str, color: object) -> None:
    for value, low, high in rows[list(recognition.ACCURACY)].head(1).itertuples(index=False):
        axes.hlines(y, low, high, color=color, linewidth=1.0 * canvas.scale(), gid=condition)
        axes.plot([value], [y], gid=condition, **_mark(condition, color))


def _mark(condition: str, color: object) -> dict[str, Any]:
    _, marker, filled = CONDITIONS[condition]
    face = color if filled else "white"
    return {"linestyle": "none", "color": color, "marker": marker, "markerfacecolor": face}


def _took_most(rows: pd.DataFrame, inputs: base.FigureInputs) -> str:
    """The attack that took most images, how many of them, and how many that no other took; empty if none took any."""
    attacks = rows[rows["taken_alone"].notna() & (rows["taken"] > 0)].sort_values(
        ["taken", "taken_alone"], ascending=False, kind="stable"
    )
    for attack, source, taken, alone in attacks[["attack", "source", "taken", "taken_alone"]].itertuples(index=False):
        return f"{_named(attack, source, inputs)}: {taken:.0f} ({alone:.0f})"
    return ""


def _named(attack: str, source: str, inputs: base.FigureInputs) -> str:
    labels = inputs.settings["labels"]
    if attack in labels["noise"] or attack in labels["adaptive"]:
        return str((labels["noise"] | labels["adaptive"])[attack])
    return f"made against {labels['classifiers'].get(source, source)}"


def _flagged(table: pd.DataFrame, inputs: base.FigureInputs) -> list[str]:
    """One sentence for all signs of a false sense of robustness: which, under which attack, of which systems."""
    labels, found = inputs.settings["labels"]["classifiers"], []
    raised: dict[tuple[str, str], set[str]] = {}
    for name, attack, source, flags in table[["system", "attack", "source", "flags"]].itertuples(index=False):
        under = "" if attack == _WORST else f" ({_named(attack, source, inputs)})"
        for flag in str(flags).split():  # empty cells are NaN
            raised.setdefault((flag, under), set()).add(name)
    for flag, words in _FLAGS.items():
        for (of, under), systems in raised.items():
            if of == flag:
                found.append(f"{words}{under}: {', '.join(labels[name] for name in labels if name in systems)}")
    return [f"Signs of a false sense of robustness: {'; '.join(found)}."] if found else []


def _legend(figure: Figure) -> None:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], label=words, **_mark(name, "0.3")) for name, (words, *_) in CONDITIONS.items()]
    figure.legend(handles=handles, loc="outside upper center", ncols=6, columnspacing=1.2)


FIGURE = base.Figure(
    tables=("adaptive",),
    shows=(shown.classifiers, shown.recognition, shown.adaptive),
    draw=draw,
    caption="""
What is left under attacks that know the defence

Share of the first {{ [params.recognition.images, params.recognition.adaptive.images] | min | number }} test images of
{{ dataset }} classified correctly under semantic noise, ε = {{ params.recognition.default_level | number }}/255:
under the default noise, and image by image under the worst of all noise that follows the system's own gradients
(several losses and restarts, stand-ins for codebook and codec), of all that was made against other systems, of all
that needs no gradient, and of everything. Nothing is lost on the air; bars: Wilson 95% intervals. Only what the last
diamond shows withstood, and only where no sign below says that attacks failed for another reason.
""",
)
