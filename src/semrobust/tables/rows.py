"""What tables of images sent over SNRs share: groups by SNR, and rows of systems that could not send one image."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from semrobust.tables.table import Row

MEASURES = frozenset({
    "psnr_db", "psnr_db_low", "psnr_db_high", "ssim", "block_error_rate", "decode_failure_rate", "success_rate",
    "n_censored", "vanished_rate", "power_total_mean", "power_total_low", "power_total_high", "power_total_median",
    "power_total_median_low", "power_total_median_high", "over_best", "over_best_low", "over_best_high",
    "power_total_q25", "power_total_q75", "power_per_use_mean", "psr_db", "breakable_power_mean", "breakable_power_low",
    "breakable_power_high", "breakable_n_censored", "ratio", "ratio_low", "ratio_high", "strongest",
})  # fmt: skip
"""Columns that are empty where a system could not send a single image; counts and rates of images stay."""


def by_snr(samples: pd.DataFrame) -> Iterator[tuple[float, pd.DataFrame]]:
    """SNRs, rising, each with its rows."""
    for snr_db in np.unique(samples["snr_db"]):
        yield float(snr_db), samples[samples["snr_db"] == snr_db]


def at_snr(samples: pd.DataFrame, snr_db: float) -> pd.DataFrame:
    """The rows at one SNR, by the number of the image."""
    chosen: pd.DataFrame = samples[samples["snr_db"] == snr_db]
    return chosen.sort_values("image").reset_index(drop=True)


def status(samples: pd.DataFrame) -> str:
    """ "infeasible" if not one image fits the bit budget, else "ok"."""
    return "infeasible" if samples["infeasible"].all() else "ok"


def emptied(row: Row) -> Row:
    """The row, without its measures if its status is "infeasible"."""
    if row["status"] != "infeasible":
        return row
    return {name: float("nan") if name in MEASURES else value for name, value in row.items()}
