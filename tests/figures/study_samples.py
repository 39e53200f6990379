"""Tables of trainings of several lengths, where PGA says harder and the best attack easier, and of attacks' draws."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from semrobust.config.params import Params
from semrobust.config.roles import EXTRAPOLATED
from semrobust.tables.table import COMMON
from semrobust.tables.table import table as table_of
from semrobust.tables.training_length import PAPER_EPOCHS

LAYERS = ("ConvTranspose2d", "PReLU", "ConvTranspose2d", "ResidualBlock", "Sigmoid")
IMAGES = 256


def _common(params: Params, system: str, snr_db: float) -> dict[str, object]:
    values = (params.run, "cifar10", system, "awgn", snr_db, params.seed, IMAGES)
    return dict(zip(COMMON, values, strict=True)) | {"interval": "bootstrap over images, 95%"}


def _about(name: str, value: float) -> dict[str, float]:
    return {name: value, f"{name}_low": 0.9 * value, f"{name}_high": 1.1 * value}


def training_length(params: Params) -> pd.DataFrame:
    rows = []
    for snr_db in params.frontier_snr_db():
        for name, epochs in {**params.lengths(), EXTRAPOLATED: PAPER_EPOCHS}.items():
            row = _common(params, name, snr_db) | {"epochs": epochs}
            row |= _about("psnr_db", 26 + np.log(epochs) / 2) | _about("power_total", 60 * epochs**-0.2)
            row |= _about("pga_power", 40 * epochs**0.1) | _about("spectral", epochs**0.2) | _about("frobenius", 9.0)
            rows.append(row)
    return pd.DataFrame(rows)[[*COMMON, *table_of("training_length").columns]]


def attack_layers(params: Params) -> pd.DataFrame:
    rows = [
        _common(params, name, snr_db)
        | {"epochs": epochs, "layer": layer, "layer_kind": kind, "attack_change": 0.2, "random_change": 0.1}
        | _about("over_random", 1.5 + layer * epochs / 100)
        for snr_db in params.frontier_snr_db()
        for name, epochs in params.lengths().items()
        for layer, kind in enumerate(LAYERS)
    ]
    return pd.DataFrame(rows)[[*COMMON, *table_of("attack_layers").columns]]


def attack_spread(params: Params) -> pd.DataFrame:
    rows = [
        _common(params, system, snr_db)
        | {"attack": attack, "n_draws": 3, "least_draw": 29.0, "most_draw": 31.0, "spread": 31 / 29}
        | _about("power_total_median", 30.0)
        for snr_db in params.frontier_snr_db()
        for system, attack in params.main_pairs()
    ]
    return pd.DataFrame(rows)[[*COMMON, *table_of("attack_spread").columns]]


TABLES: dict[str, Callable[[Params], pd.DataFrame]] = {
    "training_length": training_length,
    "attack_layers": attack_layers,
    "attack_spread": attack_spread,
}
