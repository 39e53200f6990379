"""What an image costs on the air, against conventional systems of a fixed quality."""

from __future__ import annotations

import numpy as np
import pandas as pd

from semrobust.config.params import Params
from semrobust.config.settings import Plain
from semrobust.measure.names import ERROR_FREE, NONE
from semrobust.pipeline.work import Work
from semrobust.tables.classified import classified
from semrobust.tables.statistics import Values, interval
from semrobust.tables.table import COMMON, Row, Table, bootstrap, common


def settings(params: Params) -> Plain:
    def fact(name: str) -> Plain:
        system = params.systems[name]
        return {"fixed_quality": hasattr(system, "quality"), "stream": _stream(params.section("systems", name))}

    return {"systems": {name: fact(name) for name in params.of_task("class")}}


def _stream(system: Plain) -> str:
    """What a system sends: the file or its payload, uncoded or coded indices, or analog features."""
    transport = system.get("transport")
    named = system.get("chain", system).get("stream")
    return str(named or ("analog" if transport is None else transport["kind"]))


def make(work: Work) -> pd.DataFrame:
    """Rows (system, reference): what each image costs on the air, and how many times more the reference takes.

    References are the conventional systems of a fixed quality, as in the paper; bits are those before channel coding,
    symbols complex channel uses.
    """
    given = work.settings["systems"]
    sent: dict[str, pd.DataFrame] = {}
    for system, table in classified(work):
        clean = table[(table["attack"] == NONE) & (table["channel"] == ERROR_FREE)]
        if clean["symbols"].notna().any():
            sent[system] = clean
    resamples = bootstrap(work)

    def measured(values: Values, name: str) -> Row:
        low, high = interval(resamples(len(values)).means(values))
        return {f"{name}_low": low, f"{name}_high": high}

    rows = []
    for reference, (system, own) in (
        (name, pair) for name in sent if given[name]["fixed_quality"] for pair in sent.items()
    ):
        bits, symbols = own["bits"].to_numpy(), own["symbols"].to_numpy()
        other = sent[reference]["symbols"].to_numpy()
        draws = resamples(len(symbols))
        low, high = interval(draws.means(other) / draws.means(symbols))
        rows.append(
            common(work, system, np.nan, len(own), NONE)
            | {"reference": reference, "stream": given[system]["stream"]}
            | {"positions": int(own["positions"].iloc[0])}
            | {"bits_per_image": bits.mean(), **measured(bits, "bits")}
            | {"symbols_per_image": symbols.mean(), **measured(symbols, "symbols")}
            | {"ratio": other.mean() / symbols.mean(), "ratio_low": low, "ratio_high": high}
        )
    return pd.DataFrame(rows, columns=[*COMMON, *TABLE.columns])


TABLE = Table(
    columns=(
        "reference", "stream", "positions", "bits_per_image", "bits_low", "bits_high", "symbols_per_image",
        "symbols_low", "symbols_high", "ratio", "ratio_low", "ratio_high", "interval",
    ),
    brackets="ratio",
    needs=lambda params: [("accuracy", system) for system in params.of_task("class")],
    settings=settings,
    make=make,
    caption="""
What each scheme sends per image

One row per system and conventional system: mean bits before channel coding and complex symbols per image, ratio of
symbols conventional ÷ system, with 95% bootstrap intervals over {{ params.recognition.images | number }} test images
of {{ dataset }}.
""",
)  # fmt: skip
