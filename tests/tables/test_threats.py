"""The table of both threats by hand: measures, populations, the best attack, ratios of pairs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from semrobust.config import params
from semrobust.config.params import Params
from tests.conftest import raw_params
from tests.tables import fake

SNR_DB, IMAGES, USES = 12.0, 3, {"mae_vq": 144, "hevc_vit": 288}
POWER = {
    "mae_vq": {"minimum_norm": [8.0, 0.0, 9.0], "turned_indices": [4.0, 0.0, 6.0]},
    "hevc_vit": {"bp_gradient": [2.0, 3.0, 0.0], "spoofing": [1.0, 50.0, 0.0]},
}
"""By system and attack; what needs none is named wrong by itself."""

LEVELS = {"mae_vq": [4.0, 0.0, 2.0], "hevc_vit": [2.0, 8.0, 0.0]}


def of() -> Params:
    noise = dict.fromkeys(name for name in raw_params()["threats"]["noise"] if name != "least")
    threats = {"systems": list(POWER), "attacks": [name for found in POWER.values() for name in found], "noise": noise}
    overlay: dict[str, Any] = {"threats": threats | {"images": IMAGES}, "evaluation": {"bootstrap_samples": 100}}
    return params.validate(params.merge(raw_params(), overlay))


def on_air(system: str, powers: list[float]) -> pd.DataFrame:
    """Rows of an attack, and such as count for nothing: of another image, and at another SNR."""
    rows = {
        "image": range(IMAGES), "snr_db": SNR_DB, "success": True, "power_total": powers, "infeasible": False,
        "vanished": 0.0, "real_uses": USES[system],
    }  # fmt: skip
    table = pd.DataFrame(rows)
    others = [table.assign(image=IMAGES, power_total=1e3), table.assign(snr_db=0.0, power_total=1e3)]
    return pd.concat([table, *others], ignore_index=True)


@pytest.fixture
def table(tmp_path: Path) -> pd.DataFrame:
    given, frames = of(), {}
    for system, attacks in POWER.items():
        present = {attack for name, attack in given.named_pairs() if name == system}
        for attack in present:
            frames[f"attack/{system}.{attack}"] = on_air(system, attacks.get(attack, [1e4, 1e4, 1e4]))
        rows = {"image": range(IMAGES), "success": [True, True, True], "level": LEVELS[system], "vanished": 0.0}
        frames[f"least_noise/{system}"] = pd.DataFrame(rows).assign(noise="least", norm="linf")
    fake.write(tmp_path, frames)
    return fake.made(given, "threats", tmp_path)


def best(table: pd.DataFrame, system: str, measure: str, population: str) -> pd.Series[Any]:
    rows = table[(table["system"] == system) & (table["measure"] == measure) & (table["attack"] == "best_of")]
    (row,) = (row for _, row in rows[rows["population"] == population].iterrows())
    return row


def test_the_least_of_all_attacks_counts_over_images_that_need_one(table: pd.DataFrame) -> None:
    right = best(table, "mae_vq", "power_total", "right")
    assert (right["n_images"], right["size_median"]) == (2, 4.0)  # of 4 and 6 the lower is the observed median
    everything = best(table, "mae_vq", "power_total", "all")
    assert (everything["n_images"], everything["size_median"]) == (3, 4.0)  # of 0, 4 and 6
    assert best(table, "hevc_vit", "power_total", "right")["size_median"] == 1.0  # of 1 and 3


def test_per_use_each_image_has_its_own_length(table: pd.DataFrame) -> None:
    for system, uses in USES.items():
        total, per_use = (
            best(table, system, name, "right")["size_median"] for name in ("power_total", "power_per_use")
        )
        assert per_use == pytest.approx(total / uses)


def test_ratios_are_over_images_that_both_get_right(table: pd.DataFrame) -> None:
    row = best(table, "mae_vq/hevc_vit", "power_total", "right")
    assert (row["n_images"], row["ratio"]) == (1, 4.0)  # the first image alone
    assert (row["semantic_system"], row["classical_system"]) == ("mae_vq", "hevc_vit")
    assert np.isnan(row["size_median"])
    assert best(table, "mae_vq/hevc_vit", "noise_linf", "right")["ratio"] == 2.0
    assert best(table, "mae_vq/hevc_vit", "power_total", "all")["ratio"] == 4.0  # medians 4 and 1


def test_noise_stands_under_its_norm(table: pd.DataFrame) -> None:
    noise = table[table["measure"].str.startswith("noise_")]
    assert set(noise["measure"]) == {"noise_linf"}
    assert set(noise["attack"]) == {"least", "best_of"}
