"""Quality of every system without an attacker."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from semrobust.config.params import Params
from semrobust.config.settings import Plain
from semrobust.pipeline.work import Work
from semrobust.tables.rows import by_snr, emptied, status
from semrobust.tables.statistics import Bootstrap, interval
from semrobust.tables.table import Row, Table, bootstrap, common, facts, samples


def settings(params: Params) -> Plain:
    systems = params.of_task("image")
    return facts(params, systems) | {
        "order": systems,
        "real_uses": params.link.real_uses,
        "success_psnr_db": params.evaluation.success_psnr_db,
    }


def make(work: Work) -> pd.DataFrame:
    """Rows (system, SNR). If no image fits the budget the row says `infeasible` and its measures are empty."""
    resamples, rows = bootstrap(work), []
    for system in work.settings["order"]:
        for snr_db, group in by_snr(samples(work.input("clean", system))):
            row = common(work, system, snr_db, len(group)) | {
                "stream": work.settings["systems"][system].get("stream", "none"),
                "symbols_per_image": work.settings["real_uses"] // 2,
                "lost_rate": lost(group, work.settings["success_psnr_db"]).mean(),
                **summary(group, resamples),
            }
            rows.append(emptied(row))
    return pd.DataFrame(rows)


def lost(group: pd.DataFrame, success_psnr_db: float) -> pd.Series[bool]:
    """Which images are lost without any attack: not sent, decoded wrongly, or reconstructed as badly as broken ones."""
    return group["infeasible"] | (group["block_error"] > 0) | (group["psnr_db"] <= success_psnr_db)


def working(table: pd.DataFrame, most_lost: float) -> set[tuple[str, float]]:
    """The points (system, SNR) of this table at which a system works: so large a share of its images is lost at most.

    Elsewhere no attack is needed, and no claim rests on what one needs.
    """
    works = table[(table["status"] == "ok") & (table["lost_rate"] <= most_lost)]
    return set(zip(works["system"], works["snr_db"], strict=True))


def summary(group: pd.DataFrame, resamples: Callable[[int], Bootstrap]) -> Row:
    """What a row says of the images at one SNR, `group` with the columns of `measure.clean.measure`."""
    psnr = group["psnr_db"].to_numpy()
    low, high = interval(resamples(len(group)).means(psnr))
    return {
        "status": status(group),
        "psnr_db": psnr.mean(),
        "psnr_db_low": low,
        "psnr_db_high": high,
        "ssim": group["ssim"].mean(),
        "block_error_rate": group["block_error"].mean(),
        "decode_failure_rate": group["failed"].mean(),
        "infeasible_rate": group["infeasible"].mean(),
    }


TABLE = Table(
    columns=(
        "stream", "status", "psnr_db", "psnr_db_low", "psnr_db_high", "ssim", "block_error_rate",
        "decode_failure_rate", "infeasible_rate", "lost_rate", "symbols_per_image", "interval",
    ),
    brackets="psnr_db",
    needs=lambda params: [("clean", system) for system in params.of_task("image")],
    settings=settings,
    make=make,
    caption="""
Quality without an attacker

One row per system that sends images and SNR, over all test images of {{ dataset }}: mean PSNR (dB) with its 95%
bootstrap interval, mean SSIM, shares of images with block errors, known decoding failures, no room in the bit
budget, and lost without an attack in any way; complex symbols per image.
""",
)  # fmt: skip
