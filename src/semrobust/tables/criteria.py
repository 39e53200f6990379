"""Least attack power under several criteria of success, and what may explain it."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd

from semrobust.config.params import Params
from semrobust.config.settings import Plain
from semrobust.phy.power import power_per_use, psr_db
from semrobust.pipeline.work import Work
from semrobust.tables import criterion as of_criteria
from semrobust.tables.criterion import INTERVALS, by_system, chosen, medians, resampled, stacked
from semrobust.tables.statistics import SeedBootstrap, Values, interval
from semrobust.tables.table import COMMON, Row, Table, common


def make(work: Work) -> pd.DataFrame:
    """Rows (system, SNR, criterion): power of the cheapest attack of the section `criteria`, and what may explain it.

    Medians and means are over all images; there is no mean of powers where an image is censored. A system named with
    "+" is the mean over `n_seeds` trainings, and its intervals are over trainings and images.
    """
    given, samples, rows = work.settings, by_system(work), []
    for name, systems in given["trainings"]:
        for criterion, snr_db in product((rule for rule, _ in given["broken"]), given["snr_db"]):
            groups = [chosen(samples[system], criterion, snr_db) for system in systems]
            if any(group.empty for group in groups):
                continue
            resamples = resampled(work, groups)
            power = stacked(groups, "power_total")
            row = common(work, name, snr_db, len(groups[0])) | {
                "criterion": criterion,
                "n_seeds": len(systems),
                "success_rate": stacked(groups, "success").mean(),
                "vanished_rate": stacked(groups, "vanished").mean(),
                "breakable_rate": groups[0]["breakable"].mean(),
                "interval": INTERVALS[len(systems) > 1],
                **_mean("clean_psnr_db", stacked(groups, "clean_psnr_db"), resamples),
            }
            middle, draws = medians(groups, resamples)
            low, high = interval(draws)
            row |= {"power_total_median": middle, "power_total_median_low": low, "power_total_median_high": high}
            if row["success_rate"] == 1:
                row |= _mean("power_total", power, resamples) | {
                    "power_per_use_mean": power_per_use(power.mean(), given["real_uses"]),
                    "psr_db": psr_db(power.mean(), given["real_uses"]),
                }
            if "spectral" in groups[0]:
                row |= _mean("spectral", stacked(groups, "spectral"), resamples)
                row |= _mean("frobenius", np.sqrt(stacked(groups, "frobenius_squared")), resamples)
            rows.append(row)
    return pd.DataFrame(rows, columns=[*COMMON, *TABLE.columns])


def _mean(name: str, values: Values, resamples: SeedBootstrap) -> Row:
    """Mean of values (trainings, images) with its interval; empty if one of them is not finite."""
    if not np.isfinite(values).all():
        return {}
    low, high = interval(resamples.means(values))
    return {f"{name}_mean": values.mean(), f"{name}_low": low, f"{name}_high": high}


def settings(params: Params) -> Plain:
    return of_criteria.settings(params) | {"real_uses": params.link.real_uses}


TABLE = Table(
    columns=(
        "criterion", "n_seeds", "success_rate", "vanished_rate", "breakable_rate", "power_total_median",
        "power_total_median_low", "power_total_median_high", "power_total_mean", "power_total_low",
        "power_total_high", "power_per_use_mean", "psr_db", "clean_psnr_db_mean", "clean_psnr_db_low",
        "clean_psnr_db_high", "spectral_mean", "spectral_low", "spectral_high", "frobenius_mean", "frobenius_low",
        "frobenius_high", "interval",
    ),
    brackets="power_total_median",
    needs=lambda params: [("criteria", system) for system in params.by_criteria()],
    settings=settings,
    make=make,
    caption="""
Least attack power under several criteria of success

One row per system or group of trainings (name with "+"), SNR and criterion, over
{{ params.criteria.images | number }} test images of {{ dataset }}: median and mean of the least
energy ‖s‖², clean PSNR (dB) and norms of the Jacobian, with 95% intervals over images and, where there are several,
trainings.
""",
)  # fmt: skip
