"""Least attack power by system, attack and SNR."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import pandas as pd

from semrobust.config.params import Params
from semrobust.config.settings import Plain
from semrobust.phy.power import power_per_use, psr_db
from semrobust.pipeline.work import Work
from semrobust.tables.attacks import BEST_OF, attacked_samples, bounded, needs, paired
from semrobust.tables.rows import by_snr, emptied, status
from semrobust.tables.statistics import Bootstrap, interval, quantile
from semrobust.tables.table import Row, Table, bootstrap, common, facts

OVER_BEST = ("over_best", "over_best_low", "over_best_high")
"""Columns of a median over that of the cheapest attack."""


def settings(params: Params) -> Plain:
    systems = params.in_pairs("image")
    return facts(params, systems) | {
        "real_uses": params.link.real_uses,
        "success_psnr_db": params.evaluation.success_psnr_db,
    }


def make(work: Work) -> pd.DataFrame:
    """Rows (system, attack, SNR). Means over all images stand only where none of them is censored.

    The attack `best_of` takes the cheapest of a system's attacks for each image.
    """
    given = work.settings
    return pd.DataFrame(
        row
        for system, attacks in attacked_samples(work).items()
        for row in of_system(
            work,
            system,
            attacks,
            given["real_uses"],
            {
                "stream": given["systems"][system].get("stream", "none"),
                "success_psnr_db": given["success_psnr_db"],
            },
        )
    )


def of_system(work: Work, system: str, attacks: Mapping[str, pd.DataFrame], uses: int, about: Row) -> Iterator[Row]:
    """The rows of one system: its `attacks`, `best_of` among them, over N = `uses`, and what is said `about` it."""
    resamples, groups = bootstrap(work), {attack: dict(by_snr(samples)) for attack, samples in attacks.items()}
    for attack, of_attack in groups.items():
        for snr_db, group in of_attack.items():
            row = common(work, system, snr_db, len(group)) | about | {"attack": attack, "strongest": ""}
            if attack == BEST_OF:
                row["strongest"] = _strongest({name: of[snr_db] for name, of in groups.items() if snr_db in of})
            row |= summary(group, uses, resamples)
            yield emptied(row | _over(group, groups[BEST_OF][snr_db], resamples))


def _strongest(attacks: Mapping[str, pd.DataFrame]) -> str:
    """The single attack of least median on the images that all were tried on; empty where none breaks half of them."""
    names = [name for name in attacks if name != BEST_OF]
    medians = [quantile(bounded(group), 0.5) for group in paired(*(attacks[name] for name in names))]
    least = int(np.argmin(medians))
    return names[least] if np.isfinite(medians[least]) else ""


def _over(group: pd.DataFrame, best: pd.DataFrame, resamples: Callable[[int], Bootstrap]) -> Row:
    """Median power of an attack over that of the best on the same images; empty where one is censored, or that is 0."""
    sides = [bounded(of) for of in paired(group, best)]
    middles = [quantile(side, 0.5) for side in sides]
    draws = [resamples(len(side)).medians(side) for side in sides]
    if not (np.isfinite([*middles, *draws[1]]).all() and middles[1] > 0 and (draws[1] > 0).all()):
        return dict.fromkeys(OVER_BEST, np.nan)
    return dict(zip(OVER_BEST, (middles[0] / middles[1], *interval(draws[0] / draws[1])), strict=True))


def summary(group: pd.DataFrame, uses: int, resamples: Callable[[int], Bootstrap]) -> Row:
    """What a row says of the images of one attack at one SNR, `group` with the columns of `measure.attack.rows`.

    `uses` is N; `resamples` gives the bootstrap over a number of images.
    """
    powers = bounded(group)
    q25, middle, q75 = (quantile(powers, share) for share in (0.25, 0.5, 0.75))
    low, high = interval(resamples(len(powers)).medians(powers))
    return {
        "status": status(group),
        "success_rate": group["success"].mean(),
        "n_censored": int((~group["success"]).sum()),
        "vanished_rate": group["vanished"].mean(),
        "breakable_rate": group["breakable"].mean(),
        "power_total_median": middle,
        "power_total_median_low": low,
        "power_total_median_high": high,
        **_over_all(group, uses, resamples),
        "power_total_q25": q25,
        "power_total_q75": q75,
        **_breakable(group, resamples),
    }


def _over_all(group: pd.DataFrame, uses: int, resamples: Callable[[int], Bootstrap]) -> Row:
    """The mean over all images; empty where one is censored, as nobody knows how much that one needs."""
    columns = ("power_total_mean", "power_total_low", "power_total_high", "power_per_use_mean", "psr_db")
    if not group["success"].all():
        return dict.fromkeys(columns, np.nan)
    power = group["power_total"].to_numpy()
    mean = float(power.mean())
    low, high = interval(resamples(len(power)).means(power))
    return dict(zip(columns, (mean, low, high, power_per_use(mean, uses), psr_db(mean, uses)), strict=True))


def _breakable(group: pd.DataFrame, resamples: Callable[[int], Bootstrap]) -> Row:
    """Mean power over the images that this system can send and that mid-grey in their place would break.

    The image decides that, not the attack, so it is no mean over successes. An image outside withstands any attack
    on a baseline, and its censored power would drown the others.
    """
    chosen = group[group["breakable"] & ~group["infeasible"]]
    power = chosen["power_total"].to_numpy()
    low, high = interval(resamples(len(power)).means(power)) if len(power) else (np.nan, np.nan)
    return {
        "breakable_power_mean": power.mean() if len(power) else np.nan,
        "breakable_power_low": low,
        "breakable_power_high": high,
        "breakable_n_censored": int((~chosen["success"]).sum()),
    }


TABLE = Table(
    columns=(
        "attack", "strongest", "stream", "status", "success_psnr_db", "success_rate", "n_censored", "vanished_rate",
        "breakable_rate", "power_total_median", "power_total_median_low", "power_total_median_high", *OVER_BEST,
        "power_total_q25", "power_total_q75", "power_total_mean", "power_total_low", "power_total_high",
        "power_per_use_mean", "psr_db", "breakable_power_mean", "breakable_power_low", "breakable_power_high",
        "breakable_n_censored", "interval",
    ),
    brackets="power_total_median",
    needs=needs,
    settings=settings,
    make=make,
    caption="""
Least attack power

One row per system, attack and SNR, over {{ attacked }} test images of {{ dataset }}:
success rate and least energy ‖s‖² that brings the PSNR to {{ params.evaluation.success_psnr_db | number }} dB or less
(signal: N = {{ params.link.real_uses }}), as median with 95% bootstrap interval, quartiles and mean; the mean per
channel use and relative to the signal (``psr_db``), too. ``best_of`` is the cheapest attack on each image. Images that
withstood every power tried are censored: ∞ for quantiles; there is no mean over all then, and that over ``breakable``
ones, which counts them with the largest power tried, is a lower bound. ``vanished_rate``: share of images where the
gradient that the attack follows is exactly 0, a sign that robustness is only hidden gradients.
""",
)  # fmt: skip
