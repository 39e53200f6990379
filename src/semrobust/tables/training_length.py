"""How long training moves clean quality and least attack power, and where a line through both leads."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from semrobust.config.params import Params
from semrobust.config.roles import EXTRAPOLATED
from semrobust.config.settings import Plain
from semrobust.pipeline.step import Need
from semrobust.pipeline.work import Work
from semrobust.tables.attacks import best, bounded
from semrobust.tables.rows import at_snr
from semrobust.tables.statistics import Bootstrap, Values, interval, quantile
from semrobust.tables.table import COMMON, Row, Table, bootstrap, common, samples

PAPER_EPOCHS = 1000
"""How long zhang2026 trains, second-hand."""

_LEAST_TRAININGS = 3
_MEASURES = ("psnr_db", "power_total", "pga_power", "spectral", "frobenius")
_LOGARITHMIC = ("power_total", "pga_power", "spectral", "frobenius")


def make(work: Work) -> pd.DataFrame:
    """Rows (system, SNR): what a network trained for so many epochs is worth, under its best attack and under PGA.

    Of all of them the same attacks count, on the same images.

    Rows of the system `extrapolated` are the line through all trainings at `PAPER_EPOCHS`: of PSNR, or of the logarithm
    of anything else, over the logarithm of the epochs, with the 95% prediction interval of one more training.
    """
    given, rows = work.settings, []
    for snr_db in given["snr_db"]:
        of_snr = [_row(work, name, epochs, snr_db) for name, epochs in given["lengths"]]
        rows += of_snr
        if len(of_snr) >= _LEAST_TRAININGS:
            rows.append(_extrapolated(work, snr_db, of_snr))
    return pd.DataFrame(rows, columns=[*COMMON, *TABLE.columns])


def _row(work: Work, system: str, epochs: int, snr_db: float) -> Row:
    given, resamples = work.settings, bootstrap(work)
    tried = {
        attack: at_snr(samples(work.input("attack", f"{system}.{attack}")), snr_db)[: given["images"]]
        for attack in given["attacks"]
    }
    clean, layers = (at_snr(samples(work.input(kind, system)), snr_db) for kind in ("clean", "layers"))
    layers = layers.drop_duplicates("image")  # slopes are those of the whole decoder
    powers = bounded(best(tried).sort_values("image"))
    row = common(work, system, snr_db, len(powers)) | {"epochs": epochs}
    row |= _middle("power_total", powers, resamples(len(powers)))
    if given["pga"] in tried:
        of_pga = bounded(tried[given["pga"]])
        row |= _middle("pga_power", of_pga, resamples(len(of_pga)))
    for name, values in (
        ("psnr_db", clean["psnr_db"]),
        ("spectral", layers["spectral"]),
        ("frobenius", np.sqrt(layers["frobenius_squared"])),
    ):
        found = values.to_numpy(dtype=np.float64)
        low, high = interval(resamples(len(found)).means(found))
        row |= {name: found.mean(), f"{name}_low": low, f"{name}_high": high}
    return row


def _middle(name: str, powers: Values, resamples: Bootstrap) -> Row:
    low, high = interval(resamples.medians(powers))
    return {name: quantile(powers, 0.5), f"{name}_low": low, f"{name}_high": high}


def _extrapolated(work: Work, snr_db: float, of_snr: list[Row]) -> Row:
    epochs = np.log([row["epochs"] for row in of_snr])
    row = common(work, EXTRAPOLATED, snr_db, of_snr[0]["n_images"])
    row |= {"epochs": PAPER_EPOCHS, "interval": f"prediction from {len(of_snr)} trainings, 95%"}
    for name in _MEASURES:
        values = np.array([one.get(name, np.nan) for one in of_snr], dtype=np.float64)
        logarithmic = name in _LOGARITHMIC
        if not np.isfinite(values).all() or (logarithmic and (values <= 0).any()):
            continue
        found = predicted(epochs, np.log(values) if logarithmic else values, np.log(PAPER_EPOCHS))
        row |= dict(zip((name, f"{name}_low", f"{name}_high"), np.exp(found) if logarithmic else found, strict=True))
    return row


def predicted(x: Values, y: Values, at: float) -> Values:
    """The least-squares line through (x, y) at `at`, and the ends of its 95% prediction interval (Student's t)."""
    line = stats.linregress(x, y)
    freedom = len(x) - 2
    residual = np.sum((y - line.intercept - line.slope * x) ** 2) / freedom
    spread = residual * (1 + 1 / len(x) + (at - x.mean()) ** 2 / np.sum((x - x.mean()) ** 2))
    middle, half = line.intercept + line.slope * at, stats.t.ppf(0.975, freedom) * np.sqrt(spread)
    return np.array([middle, middle - half, middle + half])


def needs(params: Params) -> list[Need]:
    systems = list(params.lengths())
    attacks = [("attack", f"{name}.{attack}") for name in systems for attack in params.length_attacks()]
    return [*((kind, name) for name in systems for kind in ("clean", "layers")), *attacks]


def settings(params: Params) -> Plain:
    attacks = params.length_attacks()
    return {
        "lengths": [[name, epochs] for name, epochs in params.lengths().items()],
        "attacks": attacks,
        "images": params.evaluation.attack_images,
        "pga": next((name for name in attacks if params.attacks[name].kind == "pga"), None),
        "snr_db": params.frontier_snr_db(),
    }


TABLE = Table(
    columns=(
        "epochs", "psnr_db", "psnr_db_low", "psnr_db_high", "power_total", "power_total_low", "power_total_high",
        "pga_power", "pga_power_low", "pga_power_high", "spectral", "spectral_low", "spectral_high", "frobenius",
        "frobenius_low", "frobenius_high", "interval",
    ),
    brackets="power_total",
    needs=needs,
    settings=settings,
    make=make,
    caption="""
What longer training changes

One row per network and SNR; the networks differ by their epochs alone. Clean PSNR (dB, all test images of
{{ dataset }}), median least energy ‖s‖² over {{ params.evaluation.attack_images | number }} attacked images under the
best of the attacks that all networks were tried by, and under PGA, spectral and Frobenius norm of the decoder's
Jacobian at what is received, with 95% bootstrap intervals over images. ``extrapolated``: the line over the logarithm of
the epochs at the paper's 1000, of the logarithm of all but the PSNR, with the 95% prediction interval of one more
training: a model, and no measurement.
""",
)  # fmt: skip
