"""Slopes of the receivers over the attacked images."""

from __future__ import annotations

import numpy as np
import pandas as pd

from semrobust.pipeline.work import Work
from semrobust.tables.limits import groups, needs
from semrobust.tables.statistics import interval, quantile
from semrobust.tables.table import COMMON, Table, bootstrap, common


def make(work: Work) -> pd.DataFrame:
    """Rows (system, SNR) of differentiable receivers: certified constant, and slopes over the attacked images."""
    resamples, rows = bootstrap(work), []
    for system, snr_db, limits, _ in groups(work):
        if limits["spectral"].isna().all():
            continue
        count = len(limits)
        row = common(work, system, snr_db, count) | {"certified": limits["certified"].iloc[0]}
        for name, values in {
            "spectral": limits["spectral"].to_numpy(),
            "frobenius": np.sqrt(limits["frobenius_squared"].to_numpy()),
            "path": limits["path"].to_numpy(),
        }.items():
            known = values[~np.isnan(values)]
            low, high = interval(resamples(len(known)).means(known)) if len(known) else (np.nan, np.nan)
            mean = known.mean() if len(known) else np.nan
            row |= {f"{name}_mean": mean, f"{name}_low": low, f"{name}_high": high}
            row[f"{name}_max"] = known.max(initial=-np.inf) if len(known) else np.nan
            if name == "frobenius" and len(known):
                low, high = interval(resamples(len(known)).medians(known))
                row |= {f"{name}_median": quantile(known, 0.5), f"{name}_median_low": low, f"{name}_median_high": high}
        rows.append(row | {"converged_rate": limits["converged"].mean()})
    return pd.DataFrame(rows, columns=[*COMMON, *TABLE.columns])


TABLE = Table(
    columns=(
        "certified", "spectral_mean", "spectral_low", "spectral_high", "spectral_max", "converged_rate",
        "frobenius_mean", "frobenius_low", "frobenius_high", "frobenius_median", "frobenius_median_low",
        "frobenius_median_high", "frobenius_max", "path_mean", "path_low", "path_high",
        "path_max", "interval",
    ),
    brackets="spectral_mean",
    needs=needs,
    settings=lambda params: {"snr_db": params.attack_snr_db()},
    make=make,
    caption="""
Slopes of the differentiable receivers

One row per system with gradients and SNR, over the attacked test images of {{ dataset }}: certified Lipschitz
constant of the decoder, spectral and Frobenius norm of its Jacobian at what is received, steepest piece of the way to
the cheapest attack.
""",
)  # fmt: skip
