"""Tables of attack power under several criteria of ruin, over test images and over trainings from other seeds."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from semrobust.config.params import Params
from semrobust.config.registry import SYSTEMS
from semrobust.phy.power import power_per_use, psr_db
from semrobust.pipeline import jobs
from semrobust.pipeline.layout import Layout
from semrobust.pipeline.record import Making
from semrobust.tables.schema import COLUMNS, COMMON
from semrobust.tables.statistics import SeedBootstrap, Values, interval
from semrobust.tables.tables import Make, best, common, write

INTERVALS = {False: "bootstrap over images, 95%", True: "bootstrap over trainings and images, 95%"}
Row = dict[str, Any]


def criteria(params: Params, making: Making) -> pd.DataFrame:
    """Rows (system, SNR, criterion): power of the cheapest attack of the section `criteria`, and what may explain it.

    Means are over all images; a censored one counts with the largest power tried. A system named with "+" is the mean
    over `n_seeds` trainings, and its intervals are over trainings and images.
    """
    samples = _samples(params, making)
    rows = []
    for name, systems in params.trainings().items():
        for criterion, snr_db in product(params.criteria.ruined, params.criteria.snr_db):
            groups = [_chosen(samples[system], criterion, snr_db) for system in systems]
            if any(group.empty for group in groups):
                continue
            resamples = _bootstrap(params, groups)
            power = _stacked(groups, "power_total")
            row = common(params, name, snr_db, len(groups[0])) | {
                "criterion": criterion,
                "n_seeds": len(systems),
                "success_rate": _stacked(groups, "success").mean(),
                "ruinable_rate": groups[0]["ruinable"].mean(),
                "power_per_use_mean": power_per_use(power.mean(), params.link.real_uses),
                "psr_db": psr_db(power.mean(), params.link.real_uses),
                "interval": INTERVALS[len(systems) > 1],
                **_mean("power_total", power, resamples),
                **_mean("clean_psnr_db", _stacked(groups, "clean_psnr_db"), resamples),
            }
            if "spectral" in groups[0]:
                row |= _mean("spectral", _stacked(groups, "spectral"), resamples)
                row |= _mean("frobenius", np.sqrt(_stacked(groups, "frobenius_squared")), resamples)
            rows.append(row)
    return pd.DataFrame(rows, columns=[*COMMON, *COLUMNS["criteria"]])


def criteria_ratio(params: Params, making: Making) -> pd.DataFrame:
    """Rows (semantic and classical system, SNR, absolute criterion): mean power semantic ÷ classical.

    Over the images that both can send and that mid-grey in their place would ruin under this criterion, as in
    `power_ratio`; the same images are drawn for both sides. Empty where there is no such image.
    """
    samples = _samples(params, making)
    sides = {name: SYSTEMS[params.systems[systems[0]].kind].side for name, systems in params.trainings().items()}
    absolute = [name for name, criterion in params.criteria.ruined.items() if criterion.psnr_db is not None]
    rows = []
    for (semantic, systems), chain in product(params.trainings().items(), params.by_criteria()):
        if (sides[semantic], sides[chain]) != ("semantic", "classical"):
            continue
        for criterion, snr_db in product(absolute, params.criteria.snr_db):
            tops = [_chosen(samples[system], criterion, snr_db) for system in systems]
            bottom = _chosen(samples[chain], criterion, snr_db)
            shared = tops[0]["ruinable"].to_numpy() & ~bottom["infeasible"].to_numpy()
            tops, bottom = [top[shared] for top in tops], bottom[shared]
            row = common(params, f"{semantic}/{chain}", snr_db, int(shared.sum())) | {
                "semantic_system": semantic,
                "classical_system": chain,
                "criterion": criterion,
                "n_seeds": len(systems),
                "interval": INTERVALS[len(systems) > 1],
            }
            rows.append(row | (_ratio(params, tops, bottom) if shared.any() else {}))
    return pd.DataFrame(rows, columns=[*COMMON, *COLUMNS["criteria_ratio"]])


def _samples(params: Params, making: Making) -> dict[str, pd.DataFrame]:
    """By system the cheapest of its attacks for each SNR, criterion and image."""
    layout, found = Layout(params.run), {}
    for system in params.by_criteria():
        table = pd.read_parquet(making.uses(layout.criteria(system), jobs.criteria(params, system)))
        of_criteria = {
            criterion: best({str(attack): rows for attack, rows in of.groupby("attack")})
            for criterion, of in table.groupby("criterion")
        }
        found[system] = pd.concat(of_criteria.values(), ignore_index=True)
    return found


def _chosen(samples: pd.DataFrame, criterion: str, snr_db: float) -> pd.DataFrame:
    chosen = samples[(samples["criterion"] == criterion) & (samples["snr_db"] == snr_db)]
    return chosen.sort_values("image").reset_index(drop=True)


def _stacked(groups: list[pd.DataFrame], column: str) -> Values:
    """Values (trainings, images)."""
    return np.stack([group[column].to_numpy(dtype=np.float64) for group in groups])


def _bootstrap(params: Params, groups: list[pd.DataFrame]) -> SeedBootstrap:
    return SeedBootstrap(len(groups), len(groups[0]), params.evaluation.bootstrap_samples, params.seed)


def _mean(name: str, values: Values, resamples: SeedBootstrap) -> Row:
    """Mean of values (trainings, images) with its interval; empty if one of them is not finite."""
    if not np.isfinite(values).all():
        return {}
    low, high = interval(resamples.means(values))
    return {f"{name}_mean": values.mean(), f"{name}_low": low, f"{name}_high": high}


def _ratio(params: Params, tops: list[pd.DataFrame], bottom: pd.DataFrame) -> Row:
    resamples = _bootstrap(params, tops)
    over, under = _stacked(tops, "power_total"), _stacked([bottom], "power_total")
    draws, below = resamples.means(over), resamples.images.means(under[0])
    censored = int((~_stacked(tops, "success").astype(bool)).sum() + (~bottom["success"]).sum())
    row: Row = {"n_censored": censored, "semantic_power": over.mean(), "classical_power": under.mean()}
    if not (below > 0).all():  # the chain alone loses the images, so the attacker needs next to nothing
        return row
    low, high = interval(draws / below)
    return row | {"ratio": over.mean() / under.mean(), "ratio_low": low, "ratio_high": high}


TABLES: dict[str, Make] = {"criteria": criteria, "criteria_ratio": criteria_ratio}


def run(params: Params, table: str, command: list[str]) -> Path:
    """Make one table of criteria of ruin and write it."""
    return write(params, table, TABLES[table], command)
