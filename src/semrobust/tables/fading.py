"""Quality of the attacked systems without an attacker, over every channel."""

from __future__ import annotations

import pandas as pd

from semrobust.pipeline.work import Work
from semrobust.tables.rows import by_snr, emptied, status
from semrobust.tables.statistics import interval
from semrobust.tables.table import COMMON, Table, bootstrap, common, samples


def make(work: Work) -> pd.DataFrame:
    """Rows (system, channel, SNR): quality without an attack over every channel, for the attacked systems."""
    resamples, rows = bootstrap(work), []
    for system, measured in work.inputs("fading").items():
        for channel, of_channel in samples(measured).groupby("channel", sort=False):
            for snr_db, group in by_snr(of_channel):
                psnr = group["psnr_db"].to_numpy()
                low, high = interval(resamples(len(group)).means(psnr))
                row = common(work, system, snr_db, len(group), str(channel)) | {
                    "status": status(group),
                    "psnr_db": psnr.mean(),
                    "psnr_db_low": low,
                    "psnr_db_high": high,
                    "decode_failure_rate": group["failed"].mean(),
                }
                rows.append(emptied(row))
    return pd.DataFrame(rows, columns=[*COMMON, *TABLE.columns])


TABLE = Table(
    columns=(
        "status", "psnr_db", "psnr_db_low", "psnr_db_high", "decode_failure_rate", "interval",
    ),
    brackets="psnr_db",
    needs=lambda params: [("fading", system) for system in params.attacked()],
    make=make,
    caption="""
Quality over fading channels

One row per attacked system, channel and SNR: mean PSNR (dB) with its 95% bootstrap interval and the share of decoding
failures, without an attacker, over {{ params.evaluation.fading_images | number }} test images of {{ dataset }}.
""",
)  # fmt: skip
