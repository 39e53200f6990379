"""What tables of attacks share: per-image results by system and attack, and the best attack on each image."""

from __future__ import annotations

import numpy as np
import pandas as pd

from semrobust.config.params import Params
from semrobust.pipeline.step import Need
from semrobust.pipeline.work import Work
from semrobust.tables.statistics import Values
from semrobust.tables.table import samples

BEST_OF = "best_of"
"""Name of the cheapest of a system's attacks on each image."""


def needs(params: Params, systems: list[str] | None = None) -> list[Need]:
    """All attacks on images, or those on some systems."""
    chosen = params.in_pairs("image") if systems is None else systems
    return [("attack", ".".join(pair)) for pair in params.pairs() if pair[0] in chosen]


def attacked_samples(work: Work, criterion: str | None = None) -> dict[str, dict[str, pd.DataFrame]]:
    """Per-image results by system and attack, and behind a system's attacks the best of them per image.

    `criterion` is that of success, where the attacks were searched under several.
    """
    tables: dict[str, dict[str, pd.DataFrame]] = {}
    for pair, found in work.inputs("attack").items():
        system, _, attack = pair.partition(".")
        table = samples(found)
        tables.setdefault(system, {})[attack] = table if criterion is None else table[table["criterion"] == criterion]
    return {system: attacks | {BEST_OF: best(attacks)} for system, attacks in tables.items()}


def paired(*groups: pd.DataFrame) -> list[pd.DataFrame]:
    """The rows of those images that all groups have, one row an image, by their number."""
    shared = set.intersection(*(set(group["image"]) for group in groups))
    return [group[group["image"].isin(shared)].sort_values("image").reset_index(drop=True) for group in groups]


def bounded(group: pd.DataFrame) -> Values:
    """Least powers per image, ∞ where an image withstood all: quantiles are right as long as they are finite."""
    return np.where(group["success"], group["power_total"], np.inf)


def best(attacks: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Per SNR and image the successful attack of least power, or the largest power tried if none succeeds."""
    stacked = pd.concat(attacks.values(), ignore_index=True)
    # who follows gradients that vanish is blind on this image, whichever attack is the best
    stacked["vanished"] = stacked.groupby(["snr_db", "image"])["vanished"].transform("max")
    order = np.where(stacked["success"], stacked["power_total"], -stacked["power_total"])
    stacked = stacked.assign(censored=~stacked["success"], order=order)
    stacked = stacked.sort_values(["snr_db", "image", "censored", "order"], kind="stable")
    return stacked.drop_duplicates(["snr_db", "image"]).reset_index(drop=True)
