"""Tables of theory against measurement: slopes of the receivers (`lipschitz`), and what they promise (`bounds`)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from semrobust.config.params import Params
from semrobust.errors import ResultError
from semrobust.phy.power import noise_variance, power_per_use, psr_db
from semrobust.pipeline import jobs
from semrobust.pipeline.layout import Layout
from semrobust.pipeline.record import Making
from semrobust.systems.distortion import mse_from_psnr_db
from semrobust.tables.schema import COLUMNS, COMMON
from semrobust.tables.statistics import Values, interval, quantile
from semrobust.tables.tables import Make, best, bootstrap, common, write
from semrobust.theory.bounds import (
    Certified,
    Diagnostic,
    diagnostic_power,
    ideal_least_power,
    least_power,
    total_squared_error,
)

MEASURED = "measured"
HOLDS = ("certified", "path")
"""Quantities that no successful attack can beat; one that does shows an error of ours."""

ROLES = {
    MEASURED: "least power found by any attack",
    "certified": "lower bound, eq. 10 with a certified Lipschitz constant",
    "ideal": "eq. 12, for a decoder that inverts the encoder",
    "local": "diagnostic, eq. 10 with the local spectral norm",
    "path": "diagnostic, eq. 10 with the steepest piece of the attack's own way",
    "codeword": "a maximum-likelihood receiver errs, from known codewords",
    "stopping_set": "belief propagation is stuck, from known stopping sets",
}
_SLACK, _ROUNDING = 1e-5, 3e-5
"""What float32 images leave open: of a norm ||s||, relative, and absolute for a tiny s next to the threshold."""


def lipschitz(params: Params, making: Making) -> pd.DataFrame:
    """Rows (system, SNR) of differentiable receivers: certified constant, and slopes over the attacked images."""
    resamples = bootstrap(params)
    rows = []
    for system, snr_db, limits, _ in _groups(params, making):
        if limits["spectral"].isna().all():
            continue
        count = len(limits)
        row = common(params, system, snr_db, count) | {"certified": limits["certified"].iloc[0]}
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
        rows.append(row | {"converged_rate": limits["converged"].mean()})
    return pd.DataFrame(rows, columns=[*COMMON, *COLUMNS["lipschitz"]])


def bounds(params: Params, making: Making) -> pd.DataFrame:
    """Rows (system, SNR, quantity) over the images that some attack ruins, the same for all quantities of a system.

    An image that the channel alone ruins needs no attack, and is left out.
    Raises ResultError if a successful attack needs less power than a certified bound, or than the slope of its own way
    allows: then the bound, the constant or the attack's accounting is wrong.
    """
    resamples = bootstrap(params)
    rows, wrong = [], []
    for system, snr_db, limits, attacked in _groups(params, making):
        power = attacked["power_total"].to_numpy()
        ruined = attacked["success"].to_numpy() & ~attacked["infeasible"].to_numpy() & (power > 0)
        measured = power[ruined]
        for quantity, powers in {MEASURED: measured, **_quantities(params, limits[ruined], snr_db)}.items():
            known = ~np.isnan(powers)
            values, beside = powers[known], measured[known]
            if not len(values):
                continue
            beaten = int((np.sqrt(beside) < np.sqrt(values) * (1 - _SLACK) - _ROUNDING).sum())
            if beaten and quantity in HOLDS:
                wrong.append(f"{system} at {snr_db:g} dB: {beaten} of {len(values)} images below '{quantity}'")
            low, high = interval(resamples(len(values)).means(values))
            mean, uses = float(values.mean()), params.link.real_uses
            rows.append(
                common(params, system, snr_db, len(values))
                | {
                    "quantity": quantity,
                    "role": ROLES[quantity],
                    "success_psnr_db": params.evaluation.success_psnr_db,
                    "power_total_mean": mean,
                    "power_total_low": low,
                    "power_total_high": high,
                    "power_per_use_mean": power_per_use(mean, uses),
                    "psr_db": psr_db(mean, uses),
                    "n_beaten": beaten,
                    "tightness_median": _tightness(beside, values),
                }
            )
    if wrong:
        raise ResultError(
            "attacks beat what was proved, so a bound, a Lipschitz constant or the power of an attack is computed "
            f"wrongly: {'; '.join(wrong)}"
        )
    return pd.DataFrame(rows, columns=[*COMMON, *COLUMNS["bounds"]])


def _groups(params: Params, making: Making) -> Iterator[tuple[str, float, pd.DataFrame, pd.DataFrame]]:
    """Per system and SNR: what theory says of each image, and the best attack on it, image by image."""
    layout = Layout(params.run)
    for system in params.attacked():
        limits = pd.read_parquet(making.uses(layout.limits(system), jobs.limits(params, system)))
        attacks = {
            attack: pd.read_parquet(making.uses(layout.attack(system, attack), jobs.attack(params, system, attack)))
            for attacked, attack in params.pairs()
            if attacked == system
        }
        weakest = best(attacks)
        for snr_db in params.link.snr_db:
            of_limits, of_attacks = (
                table[table["snr_db"] == snr_db].sort_values("image").reset_index(drop=True)
                for table in (limits, weakest)
            )
            assert of_limits["image"].equals(of_attacks["image"])
            yield system, snr_db, of_limits, of_attacks


def _quantities(params: Params, limits: pd.DataFrame, snr_db: float) -> dict[str, Values]:
    """Power per image under each of the `ROLES` but the measured one; NaN where it says nothing."""
    threshold = mse_from_psnr_db(params.evaluation.success_psnr_db)
    attacked = float(total_squared_error(threshold))
    clean = total_squared_error(limits["clean_mse"].to_numpy())
    found = {"codeword": limits["codeword_power"].to_numpy(), "stopping_set": limits["stopping_power"].to_numpy()}
    for name, column in (("local", "spectral"), ("path", "path")):
        slopes = limits[column].to_numpy()
        found[name] = np.array(
            [
                float(diagnostic_power(attacked, before, Diagnostic(slope, name))) if slope > 0 else np.nan
                for before, slope in zip(clean, slopes, strict=True)
            ]
        )
    constants = limits["certified"].dropna()
    if len(constants):
        proved = Certified(float(constants.iloc[0]), "as recorded")
        found["certified"] = least_power(attacked, clean, proved)
        ideal = ideal_least_power(attacked, params.link.real_uses, noise_variance(snr_db), proved)
        found["ideal"] = np.full(len(limits), ideal)
    return {name: found[name] for name in ROLES if name in found}


def _tightness(measured: Values, quantity: Values) -> float:
    """Median over images of measured power over this quantity; empty where the quantity is mostly 0."""
    ratio = np.divide(measured, quantity, out=np.full(len(measured), np.inf), where=quantity > 0)
    middle = quantile(ratio, 0.5)
    return middle if np.isfinite(middle) else np.nan


TABLES: dict[str, Make] = {"lipschitz": lipschitz, "bounds": bounds}


def run(params: Params, table: str, command: list[str]) -> Path:
    """Make one table of theory against measurement and write it."""
    return write(params, table, TABLES[table], command)
