"""Tables of how well receivers name the class of an image: accuracy, overhead, index flips (hu2022)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from semrobust.config.params import Params
from semrobust.config.settings import LEVELS
from semrobust.measure.accuracy import ERROR_FREE, NONE, TRANSFER
from semrobust.pipeline import jobs
from semrobust.pipeline.layout import Layout
from semrobust.pipeline.record import Making
from semrobust.tables.attack_sanity import attack_sanity
from semrobust.tables.schema import COLUMNS, COMMON
from semrobust.tables.statistics import Values, interval
from semrobust.tables.tables import Make, Row, bootstrap, common, write

_WILSON = "Wilson score over images, 95%"


def samples(params: Params, making: Making) -> Iterator[tuple[str, pd.DataFrame]]:
    """Per-image results of every system that names classes."""
    for system in params.of_task("class"):
        path = making.uses(Layout(params.run).accuracy(system), jobs.accuracy(params, system))
        yield system, pd.read_parquet(path)


def accuracy(params: Params, making: Making) -> pd.DataFrame:
    """Rows (system, channel, SNR, attack, ε, source): the share of images named right, with a Wilson interval.

    That interval stays honest near 0, where resampling an all-wrong sample would give one of no width.
    """
    rows = []
    for system, table in samples(params, making):
        keys = ["channel", "snr_db", "attack", "norm", "level", "source"]
        for key, group in table.groupby(keys, sort=False, dropna=False):
            channel, snr_db, attack, norm, level, source = cast("tuple[str, float, str, str, float, str]", key)
            right, count = int(group["right"].sum()), len(group)
            bounds = binomtest(right, count).proportion_ci(0.95, "wilson")
            rows.append(
                common(params, system, snr_db, count, channel)
                | {"attack": attack, "norm": norm, "semantic_noise_eps": level / LEVELS, "source": source}
                | {"accuracy": right / count, "accuracy_low": bounds.low, "accuracy_high": bounds.high}
                | {"interval": _WILSON}
            )
    return pd.DataFrame(rows, columns=[*COMMON, *COLUMNS["accuracy"]])


def overhead(params: Params, making: Making) -> pd.DataFrame:
    """Rows (system, reference): what each image costs on the air, and how many times more the reference takes.

    References are the conventional systems of a fixed quality, as in the paper; bits are those before channel coding,
    symbols complex channel uses.
    """
    sent: dict[str, pd.DataFrame] = {}
    for system, table in samples(params, making):
        clean = table[(table["attack"] == NONE) & (table["channel"] == ERROR_FREE)]
        if clean["symbols"].notna().any():
            sent[system] = clean
    resamples = bootstrap(params)

    def measured(values: Values, name: str) -> Row:
        low, high = interval(resamples(len(values)).means(values))
        return {f"{name}_low": low, f"{name}_high": high}

    rows = []
    for reference, (system, own) in (
        (name, pair) for name in sent if hasattr(params.systems[name], "quality") for pair in sent.items()
    ):
        bits, symbols = own["bits"].to_numpy(), own["symbols"].to_numpy()
        other = sent[reference]["symbols"].to_numpy()
        draws = resamples(len(symbols))
        low, high = interval(draws.means(other) / draws.means(symbols))
        rows.append(
            common(params, system, np.nan, len(own), NONE)
            | {"reference": reference, "stream": _stream(params, system)}
            | {"positions": int(own["positions"].iloc[0])}
            | {"bits_per_image": bits.mean(), **measured(bits, "bits")}
            | {"symbols_per_image": symbols.mean(), **measured(symbols, "symbols")}
            | {"ratio": other.mean() / symbols.mean(), "ratio_low": low, "ratio_high": high}
        )
    return pd.DataFrame(rows, columns=[*COMMON, *COLUMNS["overhead"]])


def _stream(params: Params, system: str) -> str:
    """What a system sends: the file or its payload, uncoded or coded indices, or analog features."""
    settings = params.systems[system]
    chain = getattr(settings, "chain", settings)
    transport = getattr(settings, "transport", None)
    return str(getattr(chain, "stream", "analog" if transport is None else transport.kind))


def index_flips(params: Params, making: Making) -> pd.DataFrame:
    """Rows (system, attack, ε): share of an image's codebook indices that semantic noise changes (hu2022, Fig. 3)."""
    resamples, rows = bootstrap(params), []
    for system, table in samples(params, making):
        noisy = table[(table["channel"] == ERROR_FREE) & ~table["attack"].isin([NONE, TRANSFER])]
        noisy = noisy[noisy["flips"].notna()]
        for key, group in noisy.groupby(["attack", "norm", "level"], sort=False):
            attack, norm, level = cast("tuple[str, str, float]", key)
            flips = group["flips"].to_numpy()
            low, high = interval(resamples(len(flips)).means(flips))
            rows.append(
                common(params, system, np.nan, len(group), ERROR_FREE)
                | {"attack": attack, "norm": norm, "semantic_noise_eps": level / LEVELS}
                | {"flip_rate": flips.mean(), "flip_low": low, "flip_high": high}
            )
    return pd.DataFrame(rows, columns=[*COMMON, *COLUMNS["index_flips"]])


def _sanity(params: Params, making: Making) -> pd.DataFrame:
    """Rows (system, check), as `attack_sanity`."""
    rows = []
    for system, table in samples(params, making):
        for line in attack_sanity(params, system, table):
            row = common(params, system, line.pop("snr_db"), line.pop("n_images"), line.pop("channel"))
            rows.append(row | line)
    return pd.DataFrame(rows, columns=[*COMMON, *COLUMNS["attack_sanity"]])


TABLES: dict[str, Make] = {
    "accuracy": accuracy,
    "overhead": overhead,
    "index_flips": index_flips,
    "attack_sanity": _sanity,
}


def run(params: Params, table: str, command: list[str]) -> Path:
    """Make one result table and write it."""
    return write(params, table, TABLES[table], command)
