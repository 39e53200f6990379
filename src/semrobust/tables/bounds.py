"""What theory promises of the least attack power, against what attacks need."""

from __future__ import annotations

import numpy as np
import pandas as pd

from semrobust.config.params import Params
from semrobust.config.settings import Plain
from semrobust.errors import ResultError
from semrobust.phy.power import noise_variance, power_per_use, psr_db
from semrobust.pipeline.step import Need
from semrobust.pipeline.work import Work
from semrobust.systems.distortion import mse_from_psnr_db
from semrobust.tables import limits as theory
from semrobust.tables.statistics import Bootstrap, Values, interval, quantile
from semrobust.tables.table import COMMON, Row, Table, bootstrap, common, samples
from semrobust.theory.bounds import (
    Certified,
    Diagnostic,
    diagnostic_power,
    ideal_least_power,
    least_power,
    total_squared_error,
)

MEASURED = "measured"
IMAGE, SMOOTHED = "image", "smoothed"
HOLDS = ("certified", IMAGE, "path")
"""Quantities that no successful attack can beat; one that does shows an error of ours."""

ROLES = {
    MEASURED: "least power found by any attack",
    "certified": "lower bound, eq. 10 with a certified Lipschitz constant",
    IMAGE: "lower bound, certificate of each image",
    SMOOTHED: "lower bound for an attacker who does not know the noise: success stays improbable",
    "ideal": "eq. 12, for a decoder that inverts the encoder",
    "local": "diagnostic, eq. 10 with the local spectral norm",
    "path": "diagnostic, eq. 10 with the steepest piece of the attack's own way",
    "codeword": "a maximum-likelihood receiver errs, from known codewords",
    "stopping_set": "belief propagation is stuck, from known stopping sets",
}
_CERTIFICATES = ["certified_power", "smoothed_power"]
_SLACK, _ROUNDING = 1e-5, 3e-5
"""What float32 images leave open: of a norm ||s||, relative, and absolute for a tiny s next to the threshold."""


def make(work: Work) -> pd.DataFrame:
    """Rows (system, SNR, quantity) over the images that some attack breaks, the same for all quantities of a system.

    An image that the channel alone breaks needs no attack, and is left out.
    Raises ResultError if a successful attack needs less power than a certified bound, or than the slope of its own way
    allows: then the bound, the constant or the attack's accounting is wrong.
    """
    resamples, given = bootstrap(work), work.settings
    rows, wrong = [], []
    certificates = {name: samples(found) for name, found in work.inputs("certificate").items()}
    for system, snr_db, limits, attacked in theory.groups(work):
        limits = _with_certificates(limits, certificates.get(system))
        power = attacked["power_total"].to_numpy()
        broken = attacked["success"].to_numpy() & ~attacked["infeasible"].to_numpy() & (power > 0)
        measured = power[broken]
        for quantity, powers in {MEASURED: measured, **_quantities(given, limits[broken], snr_db)}.items():
            known = ~np.isnan(powers)
            values, beside = powers[known], measured[known]
            if not len(values):
                continue
            beaten = int((np.sqrt(beside) < np.sqrt(values) * (1 - _SLACK) - _ROUNDING).sum())
            if beaten and quantity in HOLDS:
                wrong.append(f"{system} at {snr_db:g} dB: {beaten} of {len(values)} images below '{quantity}'")
            low, high = interval(resamples(len(values)).means(values))
            mean, uses = float(values.mean()), given["real_uses"]
            rows.append(
                common(work, system, snr_db, len(values))
                | {
                    "quantity": quantity,
                    "role": ROLES[quantity],
                    "success_psnr_db": given["success_psnr_db"],
                    "power_total_mean": mean,
                    "power_total_low": low,
                    "power_total_high": high,
                    "power_per_use_mean": power_per_use(mean, uses),
                    "psr_db": psr_db(mean, uses),
                    "n_beaten": beaten,
                    **_tightness(beside, values, resamples(len(values))),
                }
            )
    if wrong:
        raise ResultError(
            "attacks beat what was proved, so a bound, a Lipschitz constant or the power of an attack is computed "
            f"wrongly: {'; '.join(wrong)}"
        )
    return pd.DataFrame(rows, columns=[*COMMON, *TABLE.columns])


def _quantities(given: Plain, limits: pd.DataFrame, snr_db: float) -> dict[str, Values]:
    """Power per image under each of the `ROLES` but the measured one; NaN where it says nothing."""
    threshold = mse_from_psnr_db(given["success_psnr_db"])
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
        ideal = ideal_least_power(attacked, given["real_uses"], noise_variance(snr_db), proved)
        found["ideal"] = np.full(len(limits), ideal)
    found |= {IMAGE: limits["certified_power"].to_numpy(), SMOOTHED: limits["smoothed_power"].to_numpy()}
    return {name: found[name] for name in ROLES if name in found}


def _with_certificates(limits: pd.DataFrame, certificates: pd.DataFrame | None) -> pd.DataFrame:
    """What theory says of each image, and what is certified of it; NaN of the others."""
    if certificates is None:
        return limits.assign(**dict.fromkeys(_CERTIFICATES, np.nan))
    chosen: pd.DataFrame = certificates[["image", "snr_db", *_CERTIFICATES]]
    return limits.merge(chosen, on=["image", "snr_db"], how="left")


def _tightness(measured: Values, quantity: Values, resamples: Bootstrap) -> Row:
    """Median over images of measured power over this quantity; empty where the quantity is mostly 0."""
    ratio = np.divide(measured, quantity, out=np.full(len(measured), np.inf), where=quantity > 0)
    middle = quantile(ratio, 0.5)
    if not np.isfinite(middle):
        return {}
    low, high = interval(resamples.medians(ratio))
    return {"tightness_median": middle, "tightness_low": low, "tightness_high": high}


def needs(params: Params) -> list[Need]:
    return [*theory.needs(params), *(("certificate", name) for name in params.networks())]


def settings(params: Params) -> Plain:
    return {
        "snr_db": params.attack_snr_db(),
        "real_uses": params.link.real_uses,
        "success_psnr_db": params.evaluation.success_psnr_db,
    }


TABLE = Table(
    columns=(
        "quantity", "role", "success_psnr_db", "power_total_mean", "power_total_low", "power_total_high",
        "power_per_use_mean", "psr_db", "n_beaten", "tightness_median", "tightness_low", "tightness_high",
        "interval",
    ),
    brackets="power_total_mean",
    needs=needs,
    settings=settings,
    make=make,
    caption="""
Bounds and diagnostics against measured attack power

One row per system, SNR and quantity, over the attacked test images of {{ dataset }} that some attack, and not the
channel alone, breaks: mean ‖s‖² with its 95% bootstrap interval, on how many images an attack needs less, and median
of measured ÷ quantity. Only ``certified`` and ``image``, which knows of fewer images, are lower bounds for every
attack.
""",
)  # fmt: skip
