"""Attack power of semantic over that of classical systems, under absolute criteria of success."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd

from semrobust.config.params import Params
from semrobust.config.settings import Plain
from semrobust.pipeline.work import Work
from semrobust.tables import criterion as of_criteria
from semrobust.tables.attacks import bounded
from semrobust.tables.criterion import INTERVALS, by_system, chosen, medians, resampled, stacked
from semrobust.tables.statistics import interval, quantile
from semrobust.tables.table import COMMON, Row, Table, common, facts


def make(work: Work) -> pd.DataFrame:
    """Rows (semantic and classical system, SNR, absolute criterion): median power semantic ÷ classical.

    Over all images, the same drawn for both sides; of several trainings the mean of their medians. Empty where the
    median of a side falls on a censored image, or that of the baseline on one that the channel alone breaks.
    """
    given, samples, rows = work.settings, by_system(work), []
    sides = {name: given["systems"][systems[0]]["side"] for name, systems in given["trainings"]}
    absolute = [name for name, rule in given["broken"] if rule["psnr_db"] is not None]
    for (semantic, systems), chain in product(given["trainings"], given["order"]):
        if (sides[semantic], sides[chain]) != ("semantic", "classical"):
            continue
        for criterion, snr_db in product(absolute, given["snr_db"]):
            tops = [chosen(samples[system], criterion, snr_db) for system in systems]
            bottom = chosen(samples[chain], criterion, snr_db)
            row = common(work, f"{semantic}/{chain}", snr_db, len(bottom)) | {
                "semantic_system": semantic,
                "classical_system": chain,
                "criterion": criterion,
                "n_seeds": len(systems),
                "interval": INTERVALS[len(systems) > 1],
            }
            rows.append(row | _ratio(work, tops, bottom))
    return pd.DataFrame(rows, columns=[*COMMON, *TABLE.columns])


def _ratio(work: Work, tops: list[pd.DataFrame], bottom: pd.DataFrame) -> Row:
    resamples = resampled(work, tops)
    (over, draws), under = medians(tops, resamples), bounded(bottom)
    middle, below = quantile(under, 0.5), resamples.images.medians(under)
    censored = int((~stacked(tops, "success").astype(bool)).sum() + (~bottom["success"]).sum())
    row: Row = {"n_censored": censored, "semantic_power": over, "classical_power": middle}
    if not (np.isfinite([*draws, over, *below, middle]).all() and middle > 0 and (below > 0).all()):
        return row
    low, high = interval(draws / below)
    return row | {"ratio": over / middle, "ratio_low": low, "ratio_high": high}


def settings(params: Params) -> Plain:
    systems = params.by_criteria()
    return of_criteria.settings(params) | facts(params, systems) | {"order": systems}


TABLE = Table(
    columns=(
        "semantic_system", "classical_system", "criterion", "n_seeds", "n_censored", "semantic_power",
        "classical_power", "ratio", "ratio_low", "ratio_high", "interval",
    ),
    brackets="ratio",
    needs=lambda params: [("criteria", system) for system in params.by_criteria()],
    settings=settings,
    make=make,
    caption="""
Ratio of attack powers under several criteria of success

One row per pair of systems, SNR and PSNR at or below which an attack succeeds: median power semantic ÷
classical with its 95% interval, over {{ params.criteria.images | number }} test images of {{ dataset }}.
""",
)  # fmt: skip
