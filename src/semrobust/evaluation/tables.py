"""Per-image tables -> the tidy result tables of the output contract, with 95% intervals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pandera

from semrobust.core import files, jobs
from semrobust.core.layout import Layout
from semrobust.core.params import Params
from semrobust.core.provenance import Making
from semrobust.core.registry import SYSTEMS
from semrobust.evaluation.statistics import Bootstrap, Values, interval, quantile
from semrobust.phy.power import power_per_use, psr_db

_Row = dict[str, Any]
_COMMON = ("run", "dataset", "system", "channel", "snr_db", "seed", "n_images")
_COLUMNS: dict[str, tuple[str, ...]] = {
    "clean": (
        "stream", "status", "psnr_db", "psnr_db_low", "psnr_db_high", "ssim", "block_error_rate",
        "decode_failure_rate", "infeasible_rate", "symbols_per_image", "interval",
    ),
    "attack_power": (
        "attack", "stream", "status", "success_psnr_db", "success_rate", "n_censored", "ruinable_rate",
        "power_total_mean", "power_total_low", "power_total_high", "power_total_median", "power_total_q25",
        "power_total_q75", "power_per_use_mean", "psr_db", "ruinable_power_mean", "ruinable_power_low",
        "ruinable_power_high", "ruinable_n_censored", "interval",
    ),
    "power_ratio": (
        "semantic_system", "classical_system", "semantic_attack", "classical_attack", "population", "statistic",
        "success_psnr_db", "status", "n_censored", "ratio", "ratio_low", "ratio_high", "interval",
    ),
}  # fmt: skip
_INTERVAL = "bootstrap over images, 95%"
_MEASURES = frozenset({
    "psnr_db", "psnr_db_low", "psnr_db_high", "ssim", "block_error_rate", "decode_failure_rate", "success_rate",
    "n_censored", "power_total_mean", "power_total_low", "power_total_high", "power_total_median", "power_total_q25",
    "power_total_q75", "power_per_use_mean", "psr_db", "ruinable_power_mean", "ruinable_power_low",
    "ruinable_power_high", "ruinable_n_censored", "ratio", "ratio_low", "ratio_high",
})  # fmt: skip
_RATES = ("ssim", "block_error_rate", "decode_failure_rate", "infeasible_rate", "success_rate", "ruinable_rate")


def schema(table: str) -> pandera.DataFrameSchema:
    """Schema of a result table: exactly these columns, rates in [0,1], and every interval around its mean."""
    columns: dict[str, pandera.Column] = {}
    for name in (*_COMMON, *_COLUMNS[table]):
        checks = [pandera.Check.in_range(-1.0 if name == "ssim" else 0.0, 1.0)] if name in _RATES else []
        columns[name] = pandera.Column(checks=checks, nullable=True, coerce=False)
    middles = {"clean": "psnr_db", "attack_power": "power_total_mean", "power_ratio": "ratio"}
    middle = middles[table]
    stem = middle.removesuffix("_mean")

    def brackets(frame: pd.DataFrame) -> pd.Series[bool]:
        low, high, value = frame[f"{stem}_low"], frame[f"{stem}_high"], frame[middle]
        slack = 1e-9 * value.abs()
        return value.isna() | ((low <= value + slack) & (value <= high + slack))

    return pandera.DataFrameSchema(columns, strict=True, ordered=True, checks=pandera.Check(brackets))


def _common(params: Params, system: str, snr_db: float, images: int) -> _Row:
    values = (params.run, params.data.source, system, "awgn", snr_db, params.seed, images)
    return dict(zip(_COMMON, values, strict=True)) | {"interval": _INTERVAL}


def _bootstrap(params: Params) -> Callable[[int], Bootstrap]:
    """Resamples for a number of images, made once."""
    return cache(lambda images: Bootstrap(images, params.evaluation.bootstrap_samples, params.seed))


def _stream(params: Params, system: str) -> str:
    return str(getattr(params.systems[system], "stream", "none"))


def _by_snr(samples: pd.DataFrame) -> Iterator[tuple[float, pd.DataFrame]]:
    for snr_db in np.unique(samples["snr_db"]):
        yield float(snr_db), samples[samples["snr_db"] == snr_db]


def _status(samples: pd.DataFrame) -> str:
    return "infeasible" if samples["infeasible"].all() else "ok"


def _empty_if_infeasible(row: _Row) -> _Row:
    """Leave the measures of a system that could not send a single image empty; counts and rates of images stay."""
    if row["status"] == "infeasible":
        row = {name: float("nan") if name in _MEASURES else value for name, value in row.items()}
    return row


def clean(params: Params, making: Making) -> pd.DataFrame:
    """Rows (system, SNR). If no image fits the budget the row says `infeasible` and its measures are empty."""
    layout, resamples = Layout(params.run), _bootstrap(params)
    rows = []
    for system in params.systems:
        samples = pd.read_parquet(making.uses(layout.clean(system), jobs.clean(params, system)))
        for snr_db, group in _by_snr(samples):
            psnr = group["psnr_db"].to_numpy()
            low, high = interval(resamples(len(group)).means(psnr))
            row = _common(params, system, snr_db, len(group)) | {
                "stream": _stream(params, system),
                "status": _status(group),
                "psnr_db": psnr.mean(),
                "psnr_db_low": low,
                "psnr_db_high": high,
                "ssim": group["ssim"].mean(),
                "block_error_rate": group["block_error"].mean(),
                "decode_failure_rate": group["failed"].mean(),
                "infeasible_rate": group["infeasible"].mean(),
                "symbols_per_image": params.link.real_uses // 2,
            }
            rows.append(_empty_if_infeasible(row))
    return pd.DataFrame(rows)


def _attacked(params: Params, making: Making) -> dict[tuple[str, str], pd.DataFrame]:
    """Per-image results of all (system, attack) pairs."""
    layout = Layout(params.run)
    return {
        (system, attack): pd.read_parquet(
            making.uses(layout.attack(system, attack), jobs.attack(params, system, attack))
        )
        for system, attack in params.pairs()
    }


def attack_power(params: Params, making: Making) -> pd.DataFrame:
    """Rows (system, attack, SNR). Means are over all images: a censored one counts with the largest power tried."""
    resamples, uses = _bootstrap(params), params.link.real_uses
    rows = []
    for (system, attack), samples in _attacked(params, making).items():
        for snr_db, group in _by_snr(samples):
            power = group["power_total"].to_numpy()
            bounded = np.where(group["success"], power, np.inf)  # quantiles are right as long as they are finite
            low, high = interval(resamples(len(group)).means(power))
            q25, middle, q75 = (quantile(bounded, share) for share in (0.25, 0.5, 0.75))
            rows.append(
                _empty_if_infeasible(
                    _common(params, system, snr_db, len(group))
                    | {
                        "attack": attack,
                        "status": _status(group),
                        "stream": _stream(params, system),
                        "success_psnr_db": params.evaluation.success_psnr_db,
                        "success_rate": group["success"].mean(),
                        "n_censored": int((~group["success"]).sum()),
                        "ruinable_rate": group["ruinable"].mean(),
                        "power_total_mean": power.mean(),
                        "power_total_low": low,
                        "power_total_high": high,
                        "power_total_median": middle,
                        "power_total_q25": q25,
                        "power_total_q75": q75,
                        "power_per_use_mean": power_per_use(power.mean(), uses),
                        "psr_db": psr_db(power.mean(), uses),
                        **_ruinable(group, resamples),
                    }
                )
            )
    return pd.DataFrame(rows)


def _ruinable(group: pd.DataFrame, resamples: Callable[[int], Bootstrap]) -> _Row:
    """Mean power over the images that this system can send and that mid-grey in their place would ruin.

    The image decides that, not the attack, so it is no mean over successes. An image outside withstands any attack
    on a classical chain, and its censored power would drown the others.
    """
    chosen = group[group["ruinable"] & ~group["infeasible"]]
    power = chosen["power_total"].to_numpy()
    low, high = interval(resamples(len(power)).means(power)) if len(power) else (np.nan, np.nan)
    return {
        "ruinable_power_mean": power.mean() if len(power) else np.nan,
        "ruinable_power_low": low,
        "ruinable_power_high": high,
        "ruinable_n_censored": int((~chosen["success"]).sum()),
    }


def power_ratio(params: Params, making: Making) -> pd.DataFrame:
    """Rows (semantic system, classical system, SNR, population, statistic): least power semantic over classical.

    Each side is attacked by its best attack per image. `population`: `all` images, where censored ones count with the
    largest power tried (so the mean is only a bound), or `ruinable` ones: both sides can send the image, and mid-grey
    in its place counts as ruined. Both are properties of the image, not of an attack's success.
    `statistic`: ratio of means or of medians (a median that falls on censored images is infinite).
    """
    attacked = _attacked(params, making)
    best = {
        system: _best({attack: table for (name, attack), table in attacked.items() if name == system})
        for system in params.systems
    }
    sides = {
        side: [name for name, settings in params.systems.items() if SYSTEMS[settings.kind].side == side]
        for side in ("semantic", "classical")
    }
    resamples = _bootstrap(params)
    rows = []
    for semantic, classical in product(sides["semantic"], sides["classical"]):
        for snr_db, top in best[semantic].items():
            bottom = best[classical][snr_db]
            common = _common(params, f"{semantic}/{classical}", snr_db, len(top)) | {
                "semantic_system": semantic,
                "classical_system": classical,
                "semantic_attack": _commonest(top),
                "classical_attack": _commonest(bottom),
                "success_psnr_db": params.evaluation.success_psnr_db,
                "status": "infeasible" if "infeasible" in (_status(top), _status(bottom)) else "ok",
            }
            for population, statistic in product(("all", "ruinable"), ("mean", "median")):
                chosen = np.ones(len(top), dtype=bool)
                if population == "ruinable":
                    chosen = (top["ruinable"] & ~top["infeasible"] & ~bottom["infeasible"]).to_numpy()
                row = common | {"population": population, "statistic": statistic, "n_images": int(chosen.sum())}
                row |= _ratio(top[chosen], bottom[chosen], statistic, resamples)
                rows.append(_empty_if_infeasible(row))
    return pd.DataFrame(rows)


def _best(tables: dict[str, pd.DataFrame]) -> dict[float, pd.DataFrame]:
    """Per SNR and image the successful attack of least power, or the largest power tried if none succeeds."""
    stacked = pd.concat([table.assign(attack=attack) for attack, table in tables.items()], ignore_index=True)
    order = np.where(stacked["success"], stacked["power_total"], -stacked["power_total"])
    stacked = stacked.assign(censored=~stacked["success"], order=order)
    stacked = stacked.sort_values(["snr_db", "image", "censored", "order", "attack"])
    chosen = stacked.drop_duplicates(["snr_db", "image"])
    return {snr_db: group.reset_index(drop=True) for snr_db, group in _by_snr(chosen)}


def _commonest(best: pd.DataFrame) -> str:
    """The attack that is best on most images; the first by name on a tie."""
    return str(best["attack"].mode().iloc[0])


def _ratio(top: pd.DataFrame, bottom: pd.DataFrame, statistic: str, resamples: Callable[[int], Bootstrap]) -> _Row:
    """Ratio of a statistic with its paired bootstrap interval; empty where neither side needs any power."""
    if not len(top):
        return {"ratio": np.nan, "ratio_low": np.nan, "ratio_high": np.nan, "n_censored": 0}
    bootstrap = resamples(len(top))

    def both(table: pd.DataFrame) -> tuple[float, Values]:
        power = table["power_total"].to_numpy()
        if statistic == "mean":
            return float(power.mean()), bootstrap.means(power)
        power = np.where(table["success"], power, np.inf)
        return quantile(power, 0.5), bootstrap.medians(power)

    (over, over_draws), (under, under_draws) = both(top), both(bottom)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio, draws = np.divide(over, under), np.divide(over_draws, under_draws)
    low, high = (np.nan, np.nan) if np.isnan(draws).any() or np.isnan(ratio) else interval(draws)
    censored = int((~top["success"]).sum() + (~bottom["success"]).sum())
    return {"ratio": ratio if low == low else np.nan, "ratio_low": low, "ratio_high": high, "n_censored": censored}


TABLES: dict[str, Callable[[Params, Making], pd.DataFrame]] = {
    "clean": clean,
    "attack_power": attack_power,
    "power_ratio": power_ratio,
}


def run(params: Params, table: str, command: list[str]) -> Path:
    """Make one result table, check it against its schema, and write it with its record."""
    making = Making(jobs.table(params, table), command)
    frame = TABLES[table](params, making)[[*_COMMON, *_COLUMNS[table]]]
    frame = schema(table).validate(frame)
    output = Layout(params.run).table(table)
    with files.replacing(output) as temporary:
        frame.to_csv(temporary, index=False, float_format="%.6g", lineterminator="\n")
    making.finish(output, [output])
    return output
