"""Zhang 2026, figure 7: how well each system feeds channel states back when nobody attacks."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from semrobust.config.settings import Plain
from semrobust.figures import base, canvas, palette, shown

_COLUMNS = ("nmse_db", "nmse_db_low", "nmse_db_high")
_ANCHORS = {
    "karhunen_loeve": "best linear code",
    "top_32": "32 largest coefficients, no channel",
    "top_64": "64 largest",
    "top_128": "128 largest",
}
_PUBLISHED = {"CsiNet": -8.75, "CRNet": -12.70, "TransNet": -14.86, "LASSO": -5.1}
"""NMSE in dB of published compressors without a channel, outdoor, at this ratio: of the original data alone."""
_ORIGINAL = "cost2100"


def draw(inputs: base.FigureInputs) -> Figure:
    """Mean NMSE over SNR, one panel per form, with what needs no system as lines without markers."""
    table = inputs.tables["csi_clean"]
    forms = list(dict.fromkeys(table["form"])) or ["no channel states"]
    looks = _looks(inputs, table)
    named = _ANCHORS | {name: f"{name}, no channel" for name in _PUBLISHED if inputs.settings["source"] == _ORIGINAL}
    lines = product(("0.3", "0.6"), ("-", ":", "--", "-."))
    anchors: dict[str, Plain] = {
        name: {"label": label, "color": shade, "linestyle": dashes, "linewidth": canvas.scale(), "gid": "reference"}
        for (name, label), (shade, dashes) in zip(named.items(), lines, strict=False)
    }
    figure = canvas.sheet(4.8)
    for axes, form in zip(figure.subplots(1, len(forms), sharey=True, squeeze=False).flat, forms, strict=True):
        rows = table[table["form"] == form]
        for name in _shown(inputs, rows):
            base.curve(axes, rows[rows["system"] == name].sort_values("snr_db"), _COLUMNS, looks[name])
        for name, of_anchor in rows.groupby("system"):
            anchor = str(name).removesuffix(f"_{form}")
            if anchor in _ANCHORS:
                axes.plot(of_anchor["snr_db"], of_anchor["nmse_db"], **anchors[anchor])
        for published in _PUBLISHED if inputs.settings["source"] == _ORIGINAL else ():
            axes.axhline(_PUBLISHED[published], **anchors[published])
        axes.set_title(form)
        base.label_snr(axes)
    figure.axes[0].set_ylabel("NMSE of the channel (dB)")
    drawn = {line.get_label(): line for axes in figure.axes for line in axes.get_lines() if line.get_gid() is None}
    handles = [*drawn.values(), *(Line2D([], [], **look) for look in anchors.values())]
    figure.legend(handles=handles, loc="outside upper center", ncols=3)
    notes = [
        "NMSE: mean over test samples of error energy over energy of the channel itself, in dB. Bands: 95% interval, "
        "bootstrap over samples. The best linear code has the same channel uses and, on average, the same power; the "
        "largest coefficients cross no channel.",
    ]
    canvas.footer(figure, inputs, table["n_images"].tolist(), notes, "samples")
    return figure


def _shown(inputs: base.FigureInputs, rows: pd.DataFrame) -> list[str]:
    """The main systems of one form, all of them where there is no main one."""
    present = [name for name in inputs.settings["labels"]["states"] if name in set(rows["system"])]
    return [name for name in present if name in inputs.settings["labels"]["systems"]] or present


def _looks(inputs: base.FigureInputs, table: pd.DataFrame) -> dict[str, base.Look]:
    """Main systems as in figure 8, and those that differ in the form alone alike: their labels end in it."""
    labels = inputs.settings["labels"]["systems"] | inputs.settings["labels"]["states"]
    named = {name: label.rpartition(", ")[0] or label for name, label in labels.items()}
    if any(_same(named[name] for name in _shown(inputs, rows)) for _, rows in table.groupby("form")):
        named = labels
    kinds = {kind: kind for kind in named.values()}
    looks = base.plain_looks(kinds, palette.colors(inputs, len(kinds)))
    return {name: looks[kind] for name, kind in named.items()}


def _same(words: Iterable[str]) -> bool:
    found = list(words)
    return len(set(found)) < len(found)


FIGURE = base.Figure(
    tables=("csi_clean",),
    shows=(shown.csi,),
    draw=draw,
    caption="""
Feedback of channel states without an attacker

Mean NMSE of the channel at the base station over the channel SNR, for every main system that feeds channel states back,
over all test samples of {{ csi }}; left to right by what is sent of them. Grey lines are anchors: the best linear code
at equal channel uses and power, and the largest coefficients of the angular-delay domain without any channel. A
learned system above the linear code loses to it. Bands: 95% intervals, bootstrap over samples.{% if params.csi.source
== "cost2100" %} Dashed: compressors without a channel as published for these data at this ratio
(PUBLISHED).{% else %} Published compressors (PUBLISHED,
without a channel, on COST 2100 outdoor at this ratio) are about other data and are not drawn.{% endif %}
""".replace("PUBLISHED", ", ".join(f"{name} −{-nmse_db:g} dB" for name, nmse_db in _PUBLISHED.items())),
)
