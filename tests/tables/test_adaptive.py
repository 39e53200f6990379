"""The table of adaptive attacks from per-image results: the worst of all, and who took what."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from semrobust.config.params import Params
from semrobust.tables.adaptive import BEATS_WHITE_BOX, NO_GRADIENT, NO_RISE, WITHSTANDS
from tests.tables import fake
from tests.tables.test_recognition_tables import AT_SNR_DB, IMAGES, chosen, rows, tiny
from tests.tables.test_tables import only

COUNT = 30
"""Images of adaptive noise, fewer than accuracies are over."""

CLEAN_WRONG = [0, 1]
TAKEN = {"pgd": [2, 3, 4, 5], "margin": [4, 5, 6], "square": [0, 5, 7], "auto_attack": []}
ON_THE_AIR = [9]


def params() -> Params:
    others = dict.fromkeys(name for name in tiny().recognition.adaptive.noise if name not in TAKEN)
    return chosen({}, recognition={"adaptive": {"images": COUNT, "systems": ["mae_vq"], "noise": others}})


def tried(wrong: list[int], level: float = 8.0, images: int = COUNT, **columns: Any) -> pd.DataFrame:
    """Rows of one adaptive noise over both links; on the air `ON_THE_AIR` is wrong as well."""
    parts = []
    for channel, snr_db, more in (("error_free", math.nan, []), ("awgn", AT_SNR_DB, ON_THE_AIR)):
        right = ~np.isin(range(images), [*wrong, *more])
        where = {"image": range(images), "channel": channel, "snr_db": snr_db, "norm": "linf", "level": level}
        measured = {"loss_before": 0.1, "loss_after": 0.2, "rise": 0.1, "zero_gradient": 0.5}
        parts.append(pd.DataFrame(where | {"right": right} | measured | columns))
    return pd.concat(parts, ignore_index=True)


def made(folder: Path, **changed: pd.DataFrame) -> pd.DataFrame:
    given = params()
    default = ("iterated", 8.0, "mae_vq")
    accuracy = [
        rows(CLEAN_WRONG),
        rows(CLEAN_WRONG, channel="awgn", snr_db=AT_SNR_DB),
        rows([*CLEAN_WRONG, 2, COUNT + 1], *default, zero_gradient=0.25),
        rows([*CLEAN_WRONG, 2, COUNT + 1], *default, "awgn", AT_SNR_DB),
        rows([*CLEAN_WRONG, 8], attack="transfer", level=8.0, source="vit"),
        rows(range(IMAGES), attack="iterated", level=16.0, source="mae_vq"),  # another budget
        rows(range(IMAGES), attack="iterated_l2", level=8.0, source="mae_vq"),  # another norm
        rows(range(IMAGES), channel="rayleigh", snr_db=0.0),
    ]
    noise = {name: tried([*CLEAN_WRONG, *taken]) for name, taken in TAKEN.items()}
    noise["square"] = tried(TAKEN["square"], rise=math.nan, zero_gradient=math.nan)
    noise["pgd"] = pd.concat([noise["pgd"], tried(list(range(COUNT)), level=64.0)])
    noise["margin"] = pd.concat([noise["margin"], tried(list(range(COUNT)), norm="l2")])  # counts for nothing
    fake.write(folder, {"accuracy/mae_vq": pd.concat(accuracy, ignore_index=True)})
    fake.write(folder, {f"adaptive/mae_vq.{name}": changed.get(name, found) for name, found in noise.items()})
    return fake.made(given, "adaptive", folder)


def test_per_image_the_worst_counts_and_each_attack_has_what_it_took(tmp_path: Path) -> None:
    table = made(tmp_path)
    free = table[table["channel"] == "error_free"]
    default = free[((free["semantic_noise_eps"] * 255 - 8).abs() < 1e-3) & (free["norm"] == "linf")]
    assert (table["n_images"] == COUNT).all()
    assert set(table["channel"]) == {"error_free", "awgn"}
    taken = {"iterated": (1, 0), "transfer": (1, 1), "pgd": (4, 1), "margin": (3, 1), "auto_attack": (0, 0)}
    taken["square"] = (2, 1)  # image 0 was wrong without it, and image 1 right under it
    for attack, (all_in_all, alone) in taken.items():
        row = only(default, attack=attack)
        assert (row["taken"], row["taken_alone"]) == (all_in_all, alone), attack
    wrong = {"white_box": {0, 1, 2, 3, 4, 5, 6}, "black_box": {0, 5, 7}, "transfer": {0, 1, 8}}
    wrong["all"] = set(range(9))
    for family, images in wrong.items():
        worst = only(free, attack="worst", family=family)
        assert worst["accuracy"] == pytest.approx(1 - len(images) / COUNT, rel=1e-5)
        members = default[(default["attack"] != "worst") & ((default["family"] == family) | (family == "all"))]
        assert (worst["accuracy"] <= members["accuracy"] + 1e-6).all()
    aired = only(table, channel="awgn", attack="worst", family="all")
    assert aired["accuracy"] == pytest.approx(1 - (len(wrong["all"] - {8}) + 1) / COUNT, rel=1e-5)
    assert free["flags"].isna().all(), "nothing here is a sign of failing attacks"


@pytest.mark.parametrize(
    ("noise", "rows_of", "where", "flag"),
    [
        ("margin", {"zero_gradient": 1.0}, {"attack": "margin"}, NO_GRADIENT),
        ("margin", {"rise": -0.1}, {"attack": "margin"}, NO_RISE),
        ("pgd", {"level": 64.0}, {"attack": "pgd"}, WITHSTANDS),
        ("square", {"wrong": list(range(20))}, {"attack": "worst", "family": "black_box"}, BEATS_WHITE_BOX),
    ],
)
def test_signs_of_attacks_that_fail_are_flagged_where_they_are(
    noise: str, rows_of: dict[str, Any], where: dict[str, str], flag: str, tmp_path: Path
) -> None:
    changed = tried(**{"wrong": CLEAN_WRONG, **rows_of})
    if "level" in rows_of:
        changed = pd.concat([tried(TAKEN["pgd"]), changed])
    table = made(tmp_path, **{noise: changed})
    free = table[table["channel"] == "error_free"]
    flagged = free[free["flags"].notna()]
    assert flagged["flags"].tolist() == [flag]
    assert all((flagged[column] == value).all() for column, value in where.items())
    if flag == BEATS_WHITE_BOX:
        row = flagged.iloc[0]
        assert row["excess"] == pytest.approx((20 - 7) / COUNT, rel=1e-5)
        assert 0 < row["excess_low"] < row["excess"] < row["excess_high"]
