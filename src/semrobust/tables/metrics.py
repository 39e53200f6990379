"""Take a run's headline numbers from its tables, few enough to compare two runs by them.

    psnr_db:       {SYSTEM: {SNR: mean PSNR without an attacker, dB}}
    attack_power:  {SYSTEM: {SNR: median ‖s‖² of the best attack}}
    power_ratio:   {SEMANTIC: {CLASSICAL: {SNR: these powers, semantic ÷ classical}}}
    accuracy:      {SYSTEM: {clean: share, noise: share under the run's default semantic noise, worst: share that all
                   noise leaves, error-free}}
    claims:        {VERDICT: number of the papers' claims}

What the run lacks has no key, and nor has what is not finite: neither can be compared.
"""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import yaml

from semrobust.config.params import Params
from semrobust.config.settings import Plain
from semrobust.measure.names import ERROR_FREE, NONE
from semrobust.pipeline.step import Step
from semrobust.pipeline.work import Work
from semrobust.tables.attacks import BEST_OF

Tables = dict[str, pd.DataFrame]
HEADLINED = ("clean", "attack_power", "power_ratio", "accuracy", "adaptive", "paper_vs_ours")
"""The tables that headline numbers are taken from."""


def headlines(tables: Tables, settings: Plain) -> Plain:
    """Pick the numbers out of `tables` for the systems and SNRs that `settings` name."""
    at, attacked = settings["snr_db"], settings["attacked"]
    clean, power, ratio = tables["clean"], tables["attack_power"], tables["power_ratio"]
    power = power[power["attack"] == BEST_OF]
    ratio = ratio[
        (ratio["semantic_attack"] == BEST_OF) & (ratio["population"] == "all") & (ratio["statistic"] == "median")
    ]
    found = {
        "psnr_db": {system: _at(clean[clean["system"] == system], at, "psnr_db") for system in attacked},
        "attack_power": {
            system: _at(power[power["system"] == system], at, "power_total_median") for system in attacked
        },
        "power_ratio": {
            semantic: {
                classical: _at(of[of["classical_system"] == classical], at, "ratio")
                for classical in of["classical_system"].unique()
            }
            for semantic, of in ratio.groupby("semantic_system", sort=False)
        },
        "accuracy": {system: _accuracy(tables, system, settings) for system in settings["classifiers"]},
        "claims": {
            str(verdict).replace(" ", "_"): int(number)
            for verdict, number in tables["paper_vs_ours"]["verdict"].value_counts().sort_index().items()
        },
    }
    kept = _finite(found)
    assert isinstance(kept, dict)
    return kept


def _at(rows: pd.DataFrame, snrs_db: list[float], column: str) -> Plain:
    return {
        f"{snr_db:g}_db": float(value) for snr_db in snrs_db for value in rows[rows["snr_db"] == snr_db][column].head(1)
    }


def _accuracy(tables: Tables, system: str, settings: Plain) -> Plain:
    """Accuracy over the channel and at the SNR of the run's figures over ε; a system without a channel has no SNR."""
    given, adaptive = settings["recognition"], tables["adaptive"]
    rows = tables["accuracy"][tables["accuracy"]["system"] == system]
    left = adaptive[
        (adaptive["system"] == system) & (adaptive["channel"] == ERROR_FREE) & (adaptive["family"] == "all")
    ]
    sent = rows[(rows["channel"] == given["channel"]) & (rows["snr_db"] == given["at_snr_db"])]
    rows = sent if len(sent) else rows[rows["channel"] == ERROR_FREE]
    level = (rows["semantic_noise_eps"] * 255 - given["default_level"]).abs() < 1e-3  # the table has six digits
    noise = rows[(rows["attack"] == given["default_noise"]) & level]
    named = {"clean": rows[rows["attack"] == NONE], "noise": noise, "worst": left}
    return {name: float(value) for name, of in named.items() for value in of["accuracy"].head(1)}


def _finite(value: Any) -> Any:
    """Without what is not a finite number, and without the sections that are then empty."""
    if isinstance(value, dict):
        kept = {str(key): _finite(inner) for key, inner in value.items()}
        return {key: inner for key, inner in kept.items() if inner is not None} or None
    return value if math.isfinite(value) else None


def settings(params: Params, _: str) -> Plain:
    """Which systems the numbers are about, and at which SNRs: a few tell the curve."""
    snr_db, given = params.attack_snr_db(), params.recognition
    return {
        "attacked": params.attacked(),
        "classifiers": params.of_task("class"),
        "snr_db": sorted({snr_db[0], snr_db[len(snr_db) // 2], snr_db[-1]}),
        "recognition": {
            "default_noise": given.default_noise,
            "default_level": given.default_level,
            "channel": given.channel,
            "at_snr_db": given.at_snr_db,
        },
    }


def make(work: Work) -> None:
    """Write the headline numbers as YAML."""
    tables = {name: pd.read_csv(found.path()) for name, found in work.inputs("table").items()}
    with work.output() as path:
        path.write_text(yaml.safe_dump(headlines(tables, work.settings), sort_keys=False), encoding="utf-8")


STEP = Step(
    kind="metrics",
    stage="results",
    folder="tables/metrics",
    files=(".yaml",),
    names=lambda _: ["metrics"],
    needs=lambda *_: [("table", name) for name in HEADLINED],
    settings=settings,
    make=make,
    published="data/RUN/results",
    memory_mb=1000,
)
