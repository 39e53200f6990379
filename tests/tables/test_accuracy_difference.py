"""The table of paired differences: what is compared with what, and its numbers by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from semrobust.tables import difference as runs
from semrobust.tables.paired import OVER_TRAININGS, Answers, difference
from semrobust.tables.statistics import Bootstrap
from tests.tables.test_recognition_tables import (
    AT_SNR_DB,
    CLASSIFIERS,
    IMAGES,
    SAMPLES,
    chosen,
    clean,
    made,
    project,
    rows,
)
from tests.tables.test_tables import only

SEEDS: dict[str, Any] = {"mae": {"grid": {"variant": {"vq": {"seeds": 3}}}}}


def sent(system: str, wrong: dict[tuple[str, float, str, float], range]) -> pd.DataFrame:
    """Results without noise, and over these (channel, SNR, noise, level)."""
    parts = [clean(system)]
    for (channel, snr_db, attack, level), images in wrong.items():
        parts.append(rows(images, attack, level, "" if attack == "none" else system, channel, snr_db))
    return pd.concat(parts).sample(frac=1, random_state=3)


def differences(folder: Path, tables: dict[str, pd.DataFrame], systems: dict[str, Any] | None = None) -> pd.DataFrame:
    of = chosen(systems or {})
    return made(
        project(folder, of, {name: clean(name) for name in of.of_task("class")} | tables), "accuracy_difference"
    )


def test_numbers_by_hand(tmp_path: Path) -> None:
    """30 and 22 of 40 right, 20 of them by both: 10 only by the first, 2 only by the second."""
    at = ("awgn", AT_SNR_DB, "iterated", 8.0)
    first, second = range(10), range(20, 38)
    tables = {"mae_vq": sent("mae_vq", {at: first}), "mae_no_at": sent("mae_no_at", {at: second})}
    row = only(differences(tmp_path, tables), other_system="mae_no_at", attack="iterated")
    sides = [
        Answers(~np.isin(range(IMAGES), wrong)[None], 0.1, Bootstrap(IMAGES, SAMPLES, row["seed"]))
        for wrong in (first, second)
    ]
    expected = difference(*sides)
    assert (row["system"], row["channel"], row["snr_db"]) == ("mae_vq", "awgn", AT_SNR_DB)
    assert (row["other_channel"], row["other_snr_db"]) == ("awgn", AT_SNR_DB)
    assert (row["accuracy"], row["other_accuracy"]) == (30 / 40, 22 / 40)
    assert (row["difference"], row["difference_low"], row["difference_high"]) == pytest.approx(expected, rel=1e-5)
    assert row["difference"] == pytest.approx(8 / 40)
    assert (row["only_right"], row["only_other_right"], row["n_images"]) == (18, 10, IMAGES)
    assert row["mcnemar_p"] == pytest.approx(0.1849, abs=1e-3)
    assert row["better_than_guessing"]


def test_the_proposal_is_compared_with_all_others_wherever_both_were_measured(tmp_path: Path) -> None:
    places = [("awgn", AT_SNR_DB), ("rayleigh", 0.0)]
    mine = {
        (*place, attack, level): range(3) for place in places for attack, level in (("none", 0.0), ("iterated", 8.0))
    }
    other = {key: range(5) for key in list(mine)[:3]}
    noise = rows(range(7), "iterated", 8.0, "vit")
    moved = rows(range(9), "transfer", 8.0, "vit", "awgn", AT_SNR_DB)
    nothing = rows(range(1), "iterated", 0.0, "mae_vq", "awgn", AT_SNR_DB)
    tables = {
        "mae_vq": pd.concat([sent("mae_vq", mine), moved, nothing]),
        "jpeg_vit_full": pd.concat([sent("jpeg_vit_full", other), moved]),
        "vit": pd.concat([clean("vit"), noise]),
    }
    table = differences(tmp_path, tables).fillna({"snr_db": -1.0, "other_snr_db": -1.0})
    assert set(table["attack"]) == {"none", "iterated"}  # no noise of others, none of size 0
    systems = table[table["system"] != table["other_system"]]
    assert (systems["system"] == "mae_vq").all()
    assert set(systems["other_system"]) == {*CLASSIFIERS} - {"mae_vq"}
    jpeg = systems[systems["other_system"] == "jpeg_vit_full"]
    keys = ["channel", "snr_db", "other_channel", "other_snr_db", "attack"]
    assert sorted(jpeg[keys].itertuples(index=False, name=None)) == [
        ("awgn", 12.0, "awgn", 12.0, "iterated"), ("awgn", 12.0, "awgn", 12.0, "none"),
        ("error_free", -1.0, "error_free", -1.0, "none"), ("rayleigh", 0.0, "rayleigh", 0.0, "none"),
    ]  # fmt: skip
    # a classifier that no channel reaches is the same beside every one
    vit = systems[systems["other_system"] == "vit"]
    assert set(vit["other_channel"]) == {"error_free"}
    assert sorted(vit[["channel", "attack"]].itertuples(index=False, name=None)) == [
        ("awgn", "iterated"), ("awgn", "none"), ("error_free", "none"), ("rayleigh", "iterated"), ("rayleigh", "none"),
    ]  # fmt: skip


def test_schemes_are_compared_with_themselves_over_channels_and_snrs(tmp_path: Path) -> None:
    lowest, highest = -6.0, 18.0
    wrong = {
        (channel, snr, "none", 0.0): range(4) for channel in ("awgn", "rayleigh") for snr in (lowest, 12.0, highest)
    }
    names = ("mae_vq", "mae_no_codebook")
    table = differences(tmp_path, {name: sent(name, wrong) for name in names})
    own = table[table["system"] == table["other_system"]]
    assert set(own["system"]) == {"mae_vq"}  # an ablation is no scheme of the paper
    keys = ["channel", "snr_db", "other_channel", "other_snr_db"]
    assert sorted(own[keys].itertuples(index=False, name=None)) == [
        ("awgn", highest, "awgn", lowest), ("rayleigh", lowest, "awgn", lowest), ("rayleigh", 12.0, "awgn", 12.0),
        ("rayleigh", highest, "awgn", highest), ("rayleigh", highest, "rayleigh", lowest),
    ]  # fmt: skip
    assert (own["difference"] == 0).all()


def test_trainings_stand_together_and_the_interval_is_over_them_too(tmp_path: Path) -> None:
    at = ("awgn", AT_SNR_DB, "iterated", 8.0)
    names = ["mae_vq", "mae_vq_seed_2", "mae_vq_seed_3"]
    tables = {name: sent(name, {at: range(count)}) for name, count in zip(names, (4, 8, 12), strict=True)}
    table = differences(tmp_path, tables | {"mae_no_at": sent("mae_no_at", {at: range(20)})}, SEEDS)
    assert set(table["system"]) == {"mae_vq+"}
    row = only(table, other_system="mae_no_at", attack="iterated")
    assert (row["n_seeds"], row["other_n_seeds"], row["interval"]) == (3, 1, OVER_TRAININGS)
    assert (row["accuracy"], row["difference"]) == pytest.approx((32 / 40, 12 / 40))
    assert pd.isna(row["only_right"])
    assert pd.isna(row["mcnemar_p"])
    # the accuracies 0.9, 0.8, 0.7 alone: 4.30 · 0.1/√3 to each side, of Student's quantile at two degrees of freedom
    half = row["difference_high"] - row["difference"]
    assert half == pytest.approx(row["difference"] - row["difference_low"], rel=1e-4)
    assert 0.13 < half < 0.35


def test_rows_of_two_runs_are_matched_by_what_they_compare(tmp_path: Path) -> None:
    """No number or verdict on numbers is part of a row's key."""
    at = {(channel, snr_db, "none", 0.0) for channel in ("awgn", "rayleigh") for snr_db in (-6.0, 18.0)}
    first, second = (
        differences(
            tmp_path / str(count), {name: sent(name, dict.fromkeys(at, range(count))) for name in CLASSIFIERS[2:]}
        )
        for count in (4, 38)
    )
    found = runs.difference("accuracy_difference", first, second)
    assert (found.both, found.first, found.second) == (len(first), 0, 0)
