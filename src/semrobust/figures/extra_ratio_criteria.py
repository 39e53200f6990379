"""Does the central ratio hold under other criteria of success, and over trainings from other seeds?"""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from semrobust.config.settings import Plain
from semrobust.figures import base, canvas, palette, shown
from semrobust.figures.zhang2026_fig_ratio import CLAIM

_COLUMNS = ("ratio", "ratio_low", "ratio_high")
_LONGER = (0.35, 0.35, 0.35)
_USUAL_PSNR_DB = 15.0  # the paper's D*


def draw(inputs: base.FigureInputs) -> Figure:
    """Power semantic ÷ classical over SNR: one panel per baseline, one line per criterion of success."""
    given = inputs.settings["criteria"]
    table = inputs.tables["criteria_ratio"]
    semantic, label = _subject(given, table)
    longer, everything = _longer(given, table, semantic), table
    table = table[table["semantic_system"] == semantic]
    usual = next((name for name, rule in given["rules"].items() if rule["psnr_db"] == _USUAL_PSNR_DB), "")
    labels = {name: label for name, label in given["labels_of_rules"].items() if name in set(table["criterion"])}
    looks = base.plain_looks(labels, palette.tones(len(labels)))
    chains = list(dict.fromkeys(table["classical_system"]))
    figure = canvas.sheet(3.5)
    panels = figure.subplots(1, max(1, len(chains)), sharex=True, sharey=True, squeeze=False)[0]
    for axes, chain in zip(panels, chains, strict=False):
        axes.axhspan(*CLAIM, color="0.6", alpha=0.5, linewidth=0, label="the paper's claim")
        axes.axhline(1, color="0.25", linewidth=1, gid="reference")
        for name, look in looks.items():
            rows = table[(table["classical_system"] == chain) & (table["criterion"] == name)].sort_values("snr_db")
            rows = rows[rows["ratio"] > 0]
            if len(rows):
                base.curve(axes, rows, _COLUMNS, look, rows["n_censored"] > 0)
            if name == usual and longer is not None:
                of_longer = everything[(everything["semantic_system"] == longer) & (everything["criterion"] == name)]
                rows = of_longer[(of_longer["classical_system"] == chain) & (of_longer["ratio"] > 0)]
                label = f"{look.label}, {_times(given, longer, semantic)}"
                dotted = base.Look(label, _LONGER, "*", ":")
                base.curve(axes, rows.sort_values("snr_db"), _COLUMNS, dotted)
        axes.set_title(f"÷ {given['labels'][chain]}")
        base.label_snr(axes)
    panels[0].set_yscale("log")
    base.plain_ticks(panels[0].yaxis)
    panels[0].set_ylabel("attack power ratio (×)")
    handles = {handle.get_label(): handle for axes in panels for handle in axes.get_legend_handles_labels()[0]}
    if handles:
        figure.legend(handles=list(handles.values()), loc="outside upper center", ncols=2)
    trained = int(table["n_seeds"].max()) if len(table) else 0
    shown = [*given["trainings"].get(semantic, []), *chains]
    attacks = ", ".join(dict.fromkeys(label for name in shown for label in given["attacks"][name]))
    notes = [
        f"Semantic side: {label}, mean of {trained} trainings from different seeds; bands: 95% interval over "
        f"trainings and images. Attacks: {attacks}. Grey band: the paper's claim, up to 14–16.",
        "Ratio of medians over all images, those that withstood every power tried as ∞ (hollow: there are some). No "
        "point: half of the images do, or the channel alone breaks half of the baseline's.",
    ]
    canvas.footer(figure, inputs, table["n_images"].tolist() or [0], notes)
    return figure


def _system(given: Plain, group: str) -> Plain:
    """Settings of a group of equal trainings."""
    members = given["trainings"].get(group, [""])
    found: Plain = given["systems"].get(members[0], {})
    return found


def _training(given: Plain, group: str) -> Plain:
    """Training settings of a group of equal trainings; empty for what does not learn."""
    return _system(given, group).get("training") or {}


def _longer(given: Plain, table: pd.DataFrame, semantic: str) -> str | None:
    """A system trained as `semantic` but for the number of epochs, if there is one."""
    own = _system(given, semantic)
    for group in dict.fromkeys(table["semantic_system"]):
        other = _system(given, group)
        if own != other and _of_any_length(own) == _of_any_length(other):
            return str(group)
    return None


def _of_any_length(system: Plain) -> Plain:
    training = system.get("training") or {}
    return system | {"training": {key: value for key, value in training.items() if key != "epochs"}}


def _times(given: Plain, longer: str, semantic: str) -> str:
    epochs = [_training(given, group)["epochs"] for group in (longer, semantic)]
    return f"{epochs[0]} instead of {epochs[1]} epochs"


def _subject(given: Plain, table: pd.DataFrame) -> tuple[str, str]:
    """The system trained with noise that has most trainings, and its label."""
    present = set(table["semantic_system"])
    noisy = {
        group: len(members)
        for group, members in given["trainings"].items()
        if group in present and _training(given, group).get("train_snr_db") is not None
    }
    group = max(noisy, key=lambda name: noisy[name], default=next(iter(present), ""))
    snr_db = _training(given, group).get("train_snr_db")
    return group, f"DeepJSCC trained at {snr_db:g} dB" if snr_db is not None else group


FIGURE = base.Figure(
    tables=("criteria_ratio",),
    shows=(shown.criteria,),
    draw=draw,
    caption="""
How the power ratio depends on when an attack succeeds

Ratio of median least attack powers, DeepJSCC ÷ separation-based baseline, over the channel SNR, one line per PSNR at
or below which an attack succeeds; left and right: the two baselines. Over {{ params.criteria.images | number }} test
images of {{ dataset }}. Bands: 95% intervals over trainings and images. Look at how far the lines lie
apart, against the grey band, the paper's 14–16: a ratio says little without its criterion and the length of training.
""",
)
