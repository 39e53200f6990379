"""Synthetic tables of channel states: powers of 0, infinite ones, and ratios that are undefined."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from semrobust.config.params import Params
from semrobust.figures.base import BEST_OF

SAMPLES, ATTACKED = 3000, 128


def _common(of: Params, system: str, snr_db: float, images: int) -> dict[str, Any]:
    return {
        "run": of.run, "dataset": "sionna", "system": system, "channel": "awgn", "snr_db": snr_db, "seed": of.seed,
        "n_images": images, "interval": "bootstrap over images, 95%",
    }  # fmt: skip


def _side(of: Params, system: str) -> str:
    return "classical" if "chain" in system or "ablation" in system else "semantic"


def csi_clean(of: Params) -> pd.DataFrame:
    forms, rows = of.forms(), []
    systems = [(name, _side(of, name), form) for name, form in forms.items()]
    systems += [
        (f"{anchor}_{form}", "anchor", form)
        for form in dict.fromkeys(forms.values())
        for anchor in ("top_32", "top_64", "top_128", "karhunen_loeve")
    ]
    for (name, side, form), snr_db in product(systems, of.link.snr_db):
        nmse = {"semantic": -2 - 0.6 * snr_db, "classical": -8.0 if snr_db > 4 else 0.0}.get(side, -12.0)
        rows.append(
            _common(of, name, snr_db, SAMPLES)
            | {
                "side": side, "form": form, "real_uses": None if "top" in name else of.csi.real_uses[form],
                "nmse_db": nmse, "nmse_db_low": nmse - 0.3, "nmse_db_high": nmse + 0.3,
                "nmse_shifted_db": nmse - 24, "cosine": 0.9, "over_linear_db": nmse + 12,
                "over_linear_db_low": nmse + 11.8, "over_linear_db_high": nmse + 12.2,
                "block_error_rate": float(snr_db <= 4) if side == "classical" else None,
                "decode_failure_rate": None if side == "anchor" else float(side == "classical" and snr_db <= 4),
                "works": side != "classical" or snr_db > 4,
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def csi_attack_power(of: Params) -> pd.DataFrame:
    forms, rows = of.forms(), []
    pairs = [pair for pair in of.pairs() if pair[0] in forms]
    pairs += [(system, BEST_OF) for system in of.in_pairs("csi")]
    for (system, attack), criterion, snr_db in product(pairs, of.csi.broken, of.link.snr_db):
        uses = of.csi.real_uses[forms[system]]
        least = 0.0 if criterion == "nmse_16" else uses * 10 ** ((snr_db - 14 - len(attack)) / 10)
        least = np.inf if criterion == "shifted_16" and attack == "random" else least
        rows.append(
            _common(of, system, snr_db, ATTACKED)
            | dict.fromkeys((f"power_total_{of_it}" for of_it in ("median", "q25", "q75", "mean")), least)
            | {"breakable_power_mean": least}
            | dict.fromkeys(("power_total_median_low", "power_total_low", "breakable_power_low"), 0.8 * least)
            | dict.fromkeys(("power_total_median_high", "power_total_high", "breakable_power_high"), 1.2 * least)
            | {
                "criterion": criterion, "form": forms[system], "real_uses": uses, "attack": attack, "status": "ok",
                "strongest": "minimum_norm" if forms[system] == "magnitude" and attack == BEST_OF else "",
                "success_rate": 1.0, "n_censored": 0, "vanished_rate": 0.0, "breakable_rate": 1.0, "over_best": 1.0,
                "over_best_low": 1.0, "over_best_high": 1.02, "power_per_use_mean": least / uses,
                "psr_db": -10.0, "breakable_n_censored": 0,
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def csi_power_ratio(of: Params, ratio: float = 5.0) -> pd.DataFrame:
    forms, rows = of.forms(), []
    systems = of.compared("csi")
    tops, bottoms = ([name for name in systems if _side(of, name) == side] for side in ("semantic", "classical"))
    for top, bottom, criterion, snr_db in product(tops, bottoms, of.csi.broken, of.link.snr_db):
        if forms[top] == forms[bottom]:
            found = {"nmse_16": np.nan, "shifted_16": np.inf}.get(criterion, ratio)
            rows.append(
                _common(of, f"{top}/{bottom}", snr_db, ATTACKED)
                | {
                    "criterion": criterion, "form": forms[top], "semantic_system": top, "classical_system": bottom,
                    "semantic_attack": BEST_OF, "classical_attack": BEST_OF, "population": "all",
                    "statistic": "median", "status": "ok", "n_censored": 0, "ratio": found, "ratio_low": 0.8 * found,
                    "ratio_high": 1.25 * found,
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


TABLES: dict[str, Callable[[Params], pd.DataFrame]] = {
    "csi_clean": csi_clean, "csi_attack_power": csi_attack_power, "csi_power_ratio": csi_power_ratio,
}  # fmt: skip
