"""Per-image tables -> the tidy result tables of the output contract, with 95% intervals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from semrobust.config.params import Params
from semrobust.config.registry import SYSTEMS
from semrobust.phy.power import power_per_use, psr_db
from semrobust.pipeline import files, jobs, outputs
from semrobust.pipeline.layout import Layout
from semrobust.pipeline.record import Making
from semrobust.tables.adaptation import cross_fitted
from semrobust.tables.code_structure import code_structure
from semrobust.tables.schema import COLUMNS, COMMON, MEASURES, schema
from semrobust.tables.statistics import Bootstrap, Values, interval, quantile

Row = dict[str, Any]
INTERVAL = "bootstrap over images, 95%"
BEST_OF = "best_of"
_SHOWN = (("ruinable", "mean"), ("ruinable", "median"), ("all", "mean"), ("all", "median"))
_SELECTION = "known SNR, highest mean PSNR on the other half of the images"


def common(params: Params, system: str, snr_db: float, images: int, channel: str = "awgn") -> Row:
    """What every row of every table says."""
    values = (params.run, params.data.source, system, channel, snr_db, params.seed, images)
    return dict(zip(COMMON, values, strict=True)) | {"interval": INTERVAL}


def bootstrap(params: Params) -> Callable[[int], Bootstrap]:
    """Resamples for a number of images, made once."""
    return cache(lambda images: Bootstrap(images, params.evaluation.bootstrap_samples, params.seed))


def _stream(params: Params, system: str) -> str:
    return str(getattr(params.systems[system], "stream", "none"))


def _by_snr(samples: pd.DataFrame) -> Iterator[tuple[float, pd.DataFrame]]:
    for snr_db in np.unique(samples["snr_db"]):
        yield float(snr_db), samples[samples["snr_db"] == snr_db]


def _status(samples: pd.DataFrame) -> str:
    return "infeasible" if samples["infeasible"].all() else "ok"


def _empty_if_infeasible(row: Row) -> Row:
    """Leave the measures of a system that could not send a single image empty; counts and rates of images stay."""
    if row["status"] == "infeasible":
        row = {name: float("nan") if name in MEASURES else value for name, value in row.items()}
    return row


def clean(params: Params, making: Making) -> pd.DataFrame:
    """Rows (system, SNR). If no image fits the budget the row says `infeasible` and its measures are empty."""
    layout, resamples = Layout(params.run), bootstrap(params)
    rows = []
    for system in params.of_task("image"):
        samples = pd.read_parquet(making.uses(layout.clean(system), jobs.clean(params, system)))
        for snr_db, group in _by_snr(samples):
            psnr = group["psnr_db"].to_numpy()
            low, high = interval(resamples(len(group)).means(psnr))
            row = common(params, system, snr_db, len(group)) | {
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


def link_adaptation(params: Params, making: Making) -> pd.DataFrame:
    """Rows (source codec, SNR): what a chain reaches that knows the SNR and takes the best rung for it.

    Rungs are the chains of one source codec (`Params.rungs`). The best has the highest mean PSNR; it is chosen on every
    other image and scored on the rest, both ways, so no image takes part in the choice that it is scored with.
    """
    layout, resamples = Layout(params.run), bootstrap(params)
    rungs: dict[str, dict[str, pd.DataFrame]] = {}
    for system, source in params.rungs().items():
        samples = pd.read_parquet(making.uses(layout.clean(system), jobs.clean(params, system)))
        rungs.setdefault(source, {})[system] = samples.sort_values(["snr_db", "image"])
    rows = []
    for source, snr_db in product(rungs, params.link.snr_db):
        groups = {name: samples[samples["snr_db"] == snr_db] for name, samples in rungs[source].items()}
        feasible = {name: group for name, group in groups.items() if _status(group) == "ok"}
        candidates = {name: group["psnr_db"].to_numpy() for name, group in (feasible or groups).items()}
        chosen = cross_fitted(candidates)
        low, high = interval(resamples(len(chosen.values)).means(chosen.values))
        row = common(params, f"{source}_adaptive", snr_db, len(chosen.values)) | {
            "source": source,
            "n_rungs": len(feasible),
            "rung_even": chosen.even,
            "rung_odd": chosen.odd,
            "status": "ok" if feasible else "infeasible",
            "psnr_db": chosen.values.mean(),
            "psnr_db_low": low,
            "psnr_db_high": high,
            "symbols_per_image": params.link.real_uses // 2,
            "selection": _SELECTION,
        }
        rows.append(_empty_if_infeasible(row))
    return pd.DataFrame(rows, columns=[*COMMON, *COLUMNS["link_adaptation"]])


def fading(params: Params, making: Making) -> pd.DataFrame:
    """Rows (system, channel, SNR): quality without an attack over every channel, for the attacked systems."""
    layout, resamples = Layout(params.run), bootstrap(params)
    rows = []
    for system in params.attacked():
        samples = pd.read_parquet(making.uses(layout.fading(system), jobs.fading(params, system)))
        for channel, of_channel in samples.groupby("channel", sort=False):
            for snr_db, group in _by_snr(of_channel):
                psnr = group["psnr_db"].to_numpy()
                low, high = interval(resamples(len(group)).means(psnr))
                row = common(params, system, snr_db, len(group), str(channel)) | {
                    "status": _status(group),
                    "psnr_db": psnr.mean(),
                    "psnr_db_low": low,
                    "psnr_db_high": high,
                    "decode_failure_rate": group["failed"].mean(),
                }
                rows.append(_empty_if_infeasible(row))
    return pd.DataFrame(rows, columns=[*COMMON, *COLUMNS["fading"]])


def attacked_samples(params: Params, making: Making) -> dict[str, dict[str, pd.DataFrame]]:
    """Per-image results by system and attack, and behind a system's attacks the best of them per image."""
    layout = Layout(params.run)
    tables: dict[str, dict[str, pd.DataFrame]] = {}
    for system, attack in params.pairs():
        path = making.uses(layout.attack(system, attack), jobs.attack(params, system, attack))
        tables.setdefault(system, {})[attack] = pd.read_parquet(path)
    return {system: attacks | {BEST_OF: best(attacks)} for system, attacks in tables.items()}


def attack_power(params: Params, making: Making) -> pd.DataFrame:
    """Rows (system, attack, SNR). Means are over all images: a censored one counts with the largest power tried.

    The attack `best_of` takes the cheapest of a system's attacks for each image.
    """
    resamples = bootstrap(params)
    rows = [
        _power_row(params, system, attack, snr_db, group, resamples)
        for system, attacks in attacked_samples(params, making).items()
        for attack, samples in attacks.items()
        for snr_db, group in _by_snr(samples)
    ]
    return pd.DataFrame(rows)


def _power_row(
    params: Params, system: str, attack: str, snr_db: float, group: pd.DataFrame, resamples: Callable[[int], Bootstrap]
) -> Row:
    power, uses = group["power_total"].to_numpy(), params.link.real_uses
    bounded = np.where(group["success"], power, np.inf)  # quantiles are right as long as they are finite
    low, high = interval(resamples(len(group)).means(power))
    q25, middle, q75 = (quantile(bounded, share) for share in (0.25, 0.5, 0.75))
    row = common(params, system, snr_db, len(group)) | {
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
    return _empty_if_infeasible(row)


def _ruinable(group: pd.DataFrame, resamples: Callable[[int], Bootstrap]) -> Row:
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
    """Rows (semantic and classical system, pair of attacks, SNR, population, statistic): power semantic ÷ classical.

    The attacks are `best_of` on both sides, the best one per image, and every pair of single attacks. `population`:
    `ruinable` images, which both sides can send and mid-grey in their place counts as ruined, and for `best_of` also
    `all` images, where censored ones count with the largest power tried (so the mean is only a bound). Both are
    properties of the image, not of an attack's success. `statistic`: ratio of means, and for `best_of` also of medians
    (a median that falls on censored images is infinite).
    """
    attacked = {
        system: attacks for system, attacks in attacked_samples(params, making).items() if system in params.attacked()
    }
    sides = {
        side: [name for name in attacked if SYSTEMS[params.systems[name].kind].side == side]
        for side in ("semantic", "classical")
    }
    resamples = bootstrap(params)
    rows = []
    for semantic, classical in product(sides["semantic"], sides["classical"]):
        for above, below in product(attacked[semantic], attacked[classical]):
            if (above == BEST_OF) != (below == BEST_OF):
                continue
            bottoms = dict(_by_snr(attacked[classical][below]))
            for snr_db, top in _by_snr(attacked[semantic][above]):
                bottom = bottoms[snr_db]
                shared = common(params, f"{semantic}/{classical}", snr_db, len(top)) | {
                    "semantic_system": semantic,
                    "classical_system": classical,
                    "semantic_attack": above,
                    "classical_attack": below,
                    "success_psnr_db": params.evaluation.success_psnr_db,
                    "status": "infeasible" if "infeasible" in (_status(top), _status(bottom)) else "ok",
                }
                for population, statistic in _SHOWN if above == BEST_OF else _SHOWN[:1]:
                    chosen = np.ones(len(top), dtype=bool)
                    if population == "ruinable":
                        sent = ~top["infeasible"].to_numpy() & ~bottom["infeasible"].to_numpy()
                        chosen = top["ruinable"].to_numpy() & sent
                    row = shared | {"population": population, "statistic": statistic, "n_images": int(chosen.sum())}
                    row |= _ratio(top[chosen], bottom[chosen], statistic, resamples)
                    rows.append(_empty_if_infeasible(row))
    return pd.DataFrame(rows)


def best(attacks: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Per SNR and image the successful attack of least power, or the largest power tried if none succeeds."""
    stacked = pd.concat(attacks.values(), ignore_index=True)
    order = np.where(stacked["success"], stacked["power_total"], -stacked["power_total"])
    stacked = stacked.assign(censored=~stacked["success"], order=order)
    stacked = stacked.sort_values(["snr_db", "image", "censored", "order"], kind="stable")
    return stacked.drop_duplicates(["snr_db", "image"]).reset_index(drop=True)


def _ratio(top: pd.DataFrame, bottom: pd.DataFrame, statistic: str, resamples: Callable[[int], Bootstrap]) -> Row:
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


Make = Callable[[Params, Making], pd.DataFrame]

TABLES: dict[str, Make] = {
    "clean": clean,
    "link_adaptation": link_adaptation,
    "attack_power": attack_power,
    "power_ratio": power_ratio,
    "fading": fading,
    "code_structure": code_structure,
}


def run(params: Params, table: str, command: list[str]) -> Path:
    """Make one result table and write it."""
    return write(params, table, TABLES[table], command)


def write(params: Params, table: str, make: Make, command: list[str]) -> Path:
    """Make one result table, check it against its schema, and write it with its record."""
    making = Making(outputs.table(params, table), command)
    frame = make(params, making)[[*COMMON, *COLUMNS[table]]]
    frame = schema(table).validate(frame)
    output = Layout(params.run).table(table)
    with files.replacing(output) as temporary:
        frame.to_csv(temporary, index=False, float_format="%.6g", lineterminator="\n")
    making.finish(output, [output])
    return output
