"""Result tables from per-image tables small enough to compute by hand."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandera.errors import SchemaError, SchemaErrors

from semrobust.config import params
from semrobust.config.params import Params
from semrobust.tables import clean
from semrobust.tables.attacks import BEST_OF
from semrobust.tables.attacks import best as best_attack
from semrobust.tables.power_ratio import ratio
from semrobust.tables.statistics import Bootstrap, interval
from semrobust.tables.table import COMMON
from semrobust.tables.table import table as table_of
from tests.conftest import raw_params
from tests.tables import fake

NET, CHAIN, NEVER, STUDIED = "deepjscc", "jpeg_ldpc_qpsk", "jpeg_ldpc_16qam_full", "jpeg_ldpc_16qam"
OVERLAY: dict[str, Any] = {
    "run": "tiny",
    "link": {"snr_db": [0.0, 10.0]},
    "systems": {
        CHAIN: {"attacks": None, "study": None},
        STUDIED: {"attacks": ["all_bits"], "study": "some study"},
        NEVER: {"attacks": None},
    },
    "evaluation": {"bootstrap_samples": 200},
}
# per SNR and pair: power and success of four images, of which the first two are breakable
BREAKABLE = [True, True, False, False]
POWERS: dict[float, dict[tuple[str, str], tuple[list[float], list[int]]]] = {
    0.0: {
        (NET, "random"): ([10.0, 20.0, 30.0, 40.0], [1, 1, 1, 1]),
        (NET, "pga"): ([4.0, 8.0, 12.0, 16.0], [1, 1, 1, 1]),
        (CHAIN, "random"): ([0.0, 0.0, 0.0, 0.0], [1, 1, 1, 1]),
        (CHAIN, "all_bits"): ([0.0, 0.0, 0.0, 0.0], [1, 1, 1, 1]),
    },
    10.0: {
        (NET, "random"): ([10.0, 20.0, 30.0, 100.0], [1, 1, 1, 0]),
        (NET, "pga"): ([4.0, 30.0, 12.0, 50.0], [1, 1, 1, 0]),
        (CHAIN, "random"): ([8.0, 8.0, 8.0, 8.0], [1, 1, 0, 0]),
        (CHAIN, "all_bits"): ([2.0, 16.0, 9.0, 7.0], [1, 1, 0, 0]),
        (STUDIED, "all_bits"): ([3.0, 5.0, 7.0, 9.0], [1, 1, 0, 0]),
    },
}
PSNR = {0.0: [10.0, 12.0, 14.0, 20.0], 10.0: [20.0, 22.0, 24.0, 30.0]}
REQUIRED = {  # the output contract of DESIGN.md
    "clean": "psnr_db psnr_db_low psnr_db_high ssim block_error_rate decode_failure_rate symbols_per_image",
    "link_adaptation": "source n_rungs rung_even rung_odd psnr_db psnr_db_low psnr_db_high selection",
    "attack_power": "attack success_rate power_total_mean power_total_low power_total_high power_total_median "
    "power_per_use_mean psr_db",
    "power_ratio": "semantic_system classical_system semantic_attack classical_attack ratio ratio_low ratio_high",
}
ALWAYS = "run dataset system channel snr_db seed n_images"


def chosen_of(systems: Iterable[str], attacks: Iterable[str] = ("random", "all_bits", "pga")) -> dict[str, Any]:
    """params.yaml with these systems and attacks alone, overlaid by `OVERLAY`."""
    raw = params.merge(raw_params(), OVERLAY)
    kept = {"systems": set(systems), "attacks": set(attacks)}
    return raw | {
        section: {name: entry for name, entry in raw[section].items() if name in names}
        for section, names in kept.items()
    }


@cache
def tiny() -> Params:
    return params.validate(chosen_of((NET, CHAIN, STUDIED, NEVER)))


@dataclass(frozen=True)
class Project:
    """Params, and the folder that holds all per-image results of them."""

    params: Params
    folder: Path

    def add(self, address: str, table: pd.DataFrame) -> None:
        fake.write(self.folder, {address: table})


def attacked_rows(system: str, attack: str, snr_db: float) -> pd.DataFrame:
    power, success = POWERS[snr_db].get((system, attack), ([0.0] * 4, [1, 1, 0, 0]))
    return pd.DataFrame(
        {
            "image": range(4), "snr_db": snr_db, "success": np.array(success, dtype=bool), "power_total": power,
            "psnr_db": 15.0, "clean_psnr_db": 20.0, "breakable": BREAKABLE, "infeasible": system == NEVER, "steps": 1,
            "vanished": [1.0, 0.0, 0.0, 0.0] if attack == "pga" else math.nan,
        }
    )  # fmt: skip


def clean_rows(system: str, snr_db: float) -> pd.DataFrame:
    never = system == NEVER
    bits = system == CHAIN
    return pd.DataFrame(
        {
            "image": range(4), "snr_db": snr_db, "infeasible": never,
            "psnr_db": [math.nan] * 4 if never else PSNR[snr_db],
            "ssim": math.nan if never else [0.1, 0.2, 0.3, 0.4],
            "failed": math.nan if never else [0.0, float(bits), 0.0, 0.0],
            "block_error": [0.0, 1.0, 1.0, 0.0] if bits else math.nan,
        }
    )  # fmt: skip


@pytest.fixture
def of(tmp_path: Path) -> Project:
    """A project with all per-image results."""
    project = Project(tiny(), tmp_path)
    chosen = project.params
    for system in chosen.systems:
        project.add(f"clean/{system}", pd.concat([clean_rows(system, snr_db) for snr_db in chosen.link.snr_db]))
    for system, attack in chosen.pairs():
        rows = pd.concat([attacked_rows(system, attack, snr_db) for snr_db in chosen.link.snr_db])
        project.add(f"attack/{system}.{attack}", rows)
    return project


def made(of: Project, table: str) -> pd.DataFrame:
    return fake.made(of.params, table, of.folder)


def only(table: pd.DataFrame, **values: Any) -> pd.Series[Any]:
    for column, value in values.items():
        table = table[table[column] == value]
    assert len(table) == 1, f"{len(table)} rows have {values}"
    return table.iloc[0]


@pytest.mark.parametrize("name", REQUIRED)
def test_columns_are_those_of_the_output_contract(of: Project, name: str) -> None:
    table = made(of, name)
    missing = {*ALWAYS.split(), *REQUIRED[name].split()} - set(table.columns)
    assert not missing
    assert (table["run"] == "tiny").all()
    assert (table["dataset"] == "cifar10").all()
    assert (table["seed"] == of.params.seed).all()
    assert (table["channel"] == "awgn").all()
    assert (table["interval"] == "bootstrap over images, 95%").all()
    assert set(table["snr_db"]) == {0.0, 10.0}


def test_clean_by_hand(of: Project) -> None:
    table = made(of, "clean")
    assert len(table) == 8
    resamples = Bootstrap(4, 200, of.params.seed)
    for snr_db, mean in ((0.0, 14.0), (10.0, 24.0)):
        net, chain = (only(table, system=system, snr_db=snr_db) for system in (NET, CHAIN))
        for row in (net, chain):
            assert row["psnr_db"] == mean
            low, high = interval(resamples.means(np.array(PSNR[snr_db])))
            assert (row["psnr_db_low"], row["psnr_db_high"]) == pytest.approx((low, high), rel=1e-5)
            assert low < mean < high
            assert row["ssim"] == pytest.approx(0.25)
            assert (row["n_images"], row["symbols_per_image"], row["infeasible_rate"]) == (4, 384, 0.0)
            assert row["status"] == "ok"
        assert math.isnan(net["block_error_rate"])
        assert (chain["block_error_rate"], chain["decode_failure_rate"]) == (0.5, 0.25)
        assert (net["stream"], chain["stream"]) == ("none", "payload")


def test_clean_of_a_system_that_never_fits_is_empty(of: Project) -> None:
    row = only(made(of, "clean"), system=NEVER, snr_db=10.0)
    assert (row["status"], row["infeasible_rate"], row["stream"], row["n_images"]) == ("infeasible", 1.0, "full", 4)
    measures = ["psnr_db", "psnr_db_low", "psnr_db_high", "ssim", "block_error_rate", "decode_failure_rate"]
    assert row[measures].isna().all()


RUNGS: dict[str, dict[float, list[float]]] = {  # PSNR of six images; at 10 dB the halves disagree on the best rung
    "jpeg_ldpc_qpsk": {0.0: [20.0] * 6, 10.0: [22.0, 20.0, 22.0, 20.0, 22.0, 20.0]},
    "jpeg_ldpc_16qam": {0.0: [12.0] * 6, 10.0: [10.0, 30.0, 10.0, 30.0, 10.0, 30.0]},
    "hevc_ldpc_qpsk": {0.0: [21.0] * 6, 10.0: [21.0, 22.0, 23.0, 24.0, 25.0, 26.0]},
    NEVER: {0.0: [90.0] * 6, 10.0: [90.0] * 6},  # infeasible, whatever its grey pictures reach
}


def rungs(folder: Path, psnr: dict[str, dict[float, list[float]]]) -> Project:
    """A project with the clean samples of these classical chains."""
    raw = chosen_of([NET, *psnr], ["random", "pga"])
    everything = {"attacks": None, "study": None}
    raw["systems"] = {name: entry | everything for name, entry in raw["systems"].items()}
    project = Project(params.validate(raw), folder)
    for name, by_snr in psnr.items():
        parts = [clean_rows(NET, 0.0).iloc[[0] * 6].assign(image=range(6), snr_db=snr, psnr_db=values, infeasible=False)
                 for snr, values in by_snr.items()]  # fmt: skip
        table = pd.concat(parts).assign(infeasible=name == NEVER).sample(frac=1.0, random_state=0)
        project.add(f"clean/{name}", table)
    return project


def test_link_adaptation_scores_no_choice_on_its_own_images(tmp_path: Path) -> None:
    of = rungs(tmp_path, RUNGS)
    table = made(of, "link_adaptation")
    assert table["system"].tolist() == ["hevc_adaptive"] * 2 + ["jpeg_adaptive"] * 2
    low, high = only(table, source="jpeg", snr_db=0.0), only(table, source="jpeg", snr_db=10.0)
    assert (low["rung_even"], low["rung_odd"], low["psnr_db"]) == ("jpeg_ldpc_qpsk", "jpeg_ldpc_qpsk", 20.0)
    # even images like QPSK (22 > 10) and odd ones 16-QAM (30 > 20): each is scored with what the others like
    assert (high["rung_even"], high["rung_odd"]) == ("jpeg_ldpc_16qam", "jpeg_ldpc_qpsk")
    assert high["psnr_db"] == 15.0
    values = np.array([10.0, 20.0] * 3)
    expected = interval(Bootstrap(6, 200, of.params.seed).means(values))
    assert (high["psnr_db_low"], high["psnr_db_high"]) == pytest.approx(expected, rel=1e-5)
    assert (high["n_rungs"], high["n_images"], high["symbols_per_image"]) == (2, 6, 384)
    assert only(table, source="hevc", snr_db=10.0)["psnr_db"] == 23.5
    assert (table["status"] == "ok").all()
    assert (table["selection"] == "known SNR, highest mean PSNR on the other half of the images").all()


def test_link_adaptation_without_a_feasible_rung_is_empty(tmp_path: Path) -> None:
    table = made(rungs(tmp_path, {NEVER: RUNGS[NEVER]}), "link_adaptation")
    assert (table["status"] == "infeasible").all()
    assert (table["n_rungs"] == 0).all()
    assert table[["psnr_db", "psnr_db_low", "psnr_db_high"]].isna().all().all()


def test_link_adaptation_without_a_classical_chain_has_no_rows(tmp_path: Path) -> None:
    assert made(rungs(tmp_path, {}), "link_adaptation").empty


def test_attack_power_has_a_mean_only_where_every_image_was_broken(of: Project) -> None:
    table = made(of, "attack_power")
    row = only(table, system=NET, attack="random", snr_db=0.0)  # 10, 20, 30, 40
    assert row["power_total_mean"] == 25.0
    assert row["power_per_use_mean"] == pytest.approx(25.0 / 768, rel=1e-5)
    assert row["psr_db"] == pytest.approx(10 * math.log10(25.0 / 768), rel=1e-5)
    low, high = interval(Bootstrap(4, 200, of.params.seed).means(np.array([10.0, 20.0, 30.0, 40.0])))
    assert (row["power_total_low"], row["power_total_high"]) == pytest.approx((low, high), rel=1e-5)
    row = only(table, system=NET, attack="random", snr_db=10.0)  # 10, 20, 30 and 100, the last one censored
    means = ["power_total_mean", "power_total_low", "power_total_high", "power_per_use_mean", "psr_db"]
    assert row[means].isna().all()
    assert row["breakable_power_mean"] == 15.0
    assert (row["success_rate"], row["n_censored"], row["n_images"]) == (0.75, 1, 4)
    assert (row["breakable_rate"], row["success_psnr_db"]) == (0.5, 15.0)
    # quantiles of 10, 20, 30, inf: values that half, a quarter and three quarters of the images do not exceed
    assert (row["power_total_q25"], row["power_total_median"], row["power_total_q75"]) == (10.0, 20.0, 30.0)


def test_attack_power_over_that_of_the_best_is_paired(of: Project) -> None:
    table = made(of, "attack_power")
    over = ["over_best", "over_best_low", "over_best_high"]
    best = table[(table["attack"] == "best_of") & table["over_best"].notna()]
    assert len(best)
    assert (best[over] == 1.0).all().all()  # the same images on both sides, in every resample
    known = table[table["over_best"].notna()]
    assert (known["over_best"] >= 1).all()
    assert (known["over_best_low"] >= 1).all()


def test_the_strongest_attack_is_that_of_least_median_on_the_images_that_all_share(of: Project) -> None:
    table = made(of, "attack_power")
    assert (table["strongest"].notna() & (table["strongest"] != ""))[table["attack"] != "best_of"].sum() == 0
    for _, row in table[table["attack"] == "best_of"].dropna(subset="strongest").iterrows():
        single = table[(table["system"] == row["system"]) & (table["snr_db"] == row["snr_db"])]
        single = single[(single["attack"] != "best_of") & (single["n_images"] == row["n_images"])]
        assert row["strongest"] in set(single["attack"])
        assert only(single, attack=row["strongest"])["power_total_median"] == single["power_total_median"].min()


def test_attack_power_tells_where_gradients_vanish(of: Project) -> None:
    table = made(of, "attack_power")
    rates = {
        attack: only(table, system=NET, attack=attack, snr_db=10.0)["vanished_rate"] for attack in ("pga", "random")
    }
    assert rates["pga"] == 0.25
    assert math.isnan(rates["random"])
    assert only(table, system=NET, attack="best_of", snr_db=10.0)["vanished_rate"] == 0.25  # whichever attack is best


def test_attack_power_quantiles_on_censored_images_are_infinite_not_empty(of: Project) -> None:
    row = only(made(of, "attack_power"), system=CHAIN, attack="all_bits", snr_db=10.0)
    assert math.isnan(row["power_total_mean"])
    assert (row["power_total_q25"], row["power_total_median"]) == (2.0, 16.0)
    assert row["power_total_q75"] == math.inf
    assert (row["success_rate"], row["n_censored"]) == (0.5, 2)


def test_attack_power_of_images_that_the_channel_breaks_is_zero(of: Project) -> None:
    row = only(made(of, "attack_power"), system=CHAIN, attack="random", snr_db=0.0)
    assert (row["power_total_mean"], row["power_total_low"], row["power_total_high"]) == (0.0, 0.0, 0.0)
    assert row["psr_db"] == -math.inf
    assert row["success_rate"] == 1.0


def infeasible_powers(of: Project) -> pd.DataFrame:
    table = made(of, "attack_power")
    chosen = table[table["system"] == NEVER]
    assert len(chosen) == 6  # two attacks and the best of them at two SNRs
    assert (chosen["status"] == "infeasible").all()
    return chosen


def test_attack_power_of_a_system_that_never_fits_is_empty(of: Project) -> None:
    chosen = infeasible_powers(of)
    powers = [name for name in chosen.columns if name.startswith("power_")]
    assert chosen[[*powers, "success_rate", "n_censored"]].isna().all().all()
    assert (chosen["breakable_rate"] == 0.5).all()


def test_psr_of_a_system_that_never_fits_is_empty(of: Project) -> None:
    assert infeasible_powers(of)["psr_db"].isna().all()


def best_at(snr_db: float, **frames: pd.DataFrame) -> pd.DataFrame:
    best = best_attack(frames)
    assert not best.duplicated(["snr_db", "image"]).any()
    return best[best["snr_db"] == snr_db]


def test_best_attack_is_the_least_power_among_successes_else_the_strongest_tried() -> None:
    frames = {
        name: pd.concat([attacked_rows(NET, name, snr_db) for snr_db in (10.0, 0.0)]) for name in ("random", "pga")
    }
    best = best_at(10.0, **frames)
    assert best["image"].tolist() == [0, 1, 2, 3]
    assert best["power_total"].tolist() == [4.0, 20.0, 12.0, 100.0]
    assert best["success"].tolist() == [True, True, True, False]
    assert best_at(0.0, **frames)["power_total"].tolist() == [4.0, 8.0, 12.0, 16.0]
    best = best_at(10.0, **{name: attacked_rows(CHAIN, name, 10.0) for name in ("random", "all_bits")})
    assert best["power_total"].tolist() == [2.0, 8.0, 9.0, 8.0]
    assert best["success"].tolist() == [True, True, False, False]


def test_best_attack_prefers_an_expensive_success_to_a_cheap_failure() -> None:
    expensive, failed = attacked_rows(NET, "random", 0.0), attacked_rows(NET, "pga", 0.0)
    failed["success"] = False
    best = best_at(0.0, a=failed, b=expensive)
    assert (best.pop("vanished") == failed["vanished"]).all()  # that any attack was blind is told of the image
    kept = expensive.drop(columns="vanished")
    pd.testing.assert_frame_equal(best[kept.columns], kept)


def test_best_of_is_one_more_attack_of_each_system(of: Project) -> None:
    table = made(of, "attack_power")
    for system in (NET, CHAIN, STUDIED, NEVER):
        names = table[(table["system"] == system) & (table["snr_db"] == 10.0)]["attack"].tolist()
        assert names == [*(attack for name, attack in of.params.pairs() if name == system), BEST_OF]
    row = only(table, system=NET, attack=BEST_OF, snr_db=10.0)
    assert row["power_total_median"] == 12.0  # of 4, 20, 12 and 100, the last one censored
    assert (row["success_rate"], row["n_censored"]) == (0.75, 1)
    assert (row["breakable_power_mean"], row["breakable_n_censored"]) == (12.0, 0)
    alone = table[table["system"] == STUDIED]
    assert set(alone["strongest"][alone["attack"] == BEST_OF].dropna()) == {"all_bits"}
    same = alone.drop(columns=["attack", "strongest"])
    single, best = (same[alone["attack"] == name] for name in ("all_bits", BEST_OF))
    pd.testing.assert_frame_equal(single.reset_index(drop=True), best.reset_index(drop=True))


def best_ratios(of: Project) -> pd.DataFrame:
    """The rows of the best attack on both sides."""
    table = made(of, "power_ratio")
    best = table[table["semantic_attack"] == BEST_OF]
    assert (best["classical_attack"] == BEST_OF).all()
    return best


@pytest.mark.parametrize(
    ("population", "statistic", "ratio", "images", "censored"),
    [
        ("breakable", "mean", 2.4, 2, 0),  # best attacks: 4, 20, 12, 100 over 2, 8, 9, 8; the first two count
        ("breakable", "median", 2.0, 2, 0),  # the lower of two is the observed median: 4 over 2
    ],
)
def test_power_ratio_by_hand(
    of: Project, population: str, statistic: str, ratio: float, images: int, censored: int
) -> None:
    row = only(best_ratios(of), classical_system=CHAIN, snr_db=10.0, population=population, statistic=statistic)
    assert (row["semantic_system"], row["system"], row["status"]) == (NET, f"{NET}/{CHAIN}", "ok")
    assert row["ratio"] == pytest.approx(ratio, rel=1e-5)
    assert (row["n_images"], row["n_censored"]) == (images, censored)
    assert row["ratio_low"] <= row["ratio"] * (1 + 1e-5)
    assert row["ratio"] <= row["ratio_high"] * (1 + 1e-5)


def test_power_ratio_interval_is_paired(of: Project) -> None:
    row = only(best_ratios(of), classical_system=CHAIN, snr_db=10.0, population="breakable", statistic="mean")
    resamples = Bootstrap(2, 200, of.params.seed)
    top, bottom = np.array([4.0, 20.0]), np.array([2.0, 8.0])
    low, high = interval(resamples.means(top) / resamples.means(bottom))
    assert (row["ratio_low"], row["ratio_high"]) == pytest.approx((low, high), rel=1e-5)


def test_systems_with_unequal_images_are_compared_on_those_that_both_have(of: Project) -> None:
    """The network is attacked on four images more, each at a thousandth of the power."""
    before = made(of, "power_ratio")
    for system, attack in of.params.pairs():
        if system == NET:
            rows = pd.concat([attacked_rows(system, attack, snr_db) for snr_db in of.params.link.snr_db])
            more = rows.assign(image=rows["image"] + 4, power_total=rows["power_total"] / 1000, success=True)
            of.add(f"attack/{system}.{attack}", pd.concat([rows, more]))
    pd.testing.assert_frame_equal(made(of, "power_ratio"), before)
    alone = only(made(of, "attack_power"), system=NET, attack=BEST_OF, snr_db=10.0)
    assert alone["n_images"] == 8
    assert alone["power_total_median"] < 1


def test_power_ratio_of_means_over_all_images_is_empty_where_one_is_censored(of: Project) -> None:
    row = only(best_ratios(of), classical_system=CHAIN, snr_db=10.0, population="all", statistic="mean")
    assert row["n_censored"] == 3
    assert row[["ratio", "ratio_low", "ratio_high"]].isna().all()


def test_power_ratio_over_nothing_is_infinite(of: Project) -> None:
    table = best_ratios(of)
    for population in ("all", "breakable"):
        for statistic in ("mean", "median"):
            row = only(table, classical_system=CHAIN, snr_db=0.0, population=population, statistic=statistic)
            assert (row["ratio"], row["ratio_low"], row["ratio_high"]) == (math.inf,) * 3


def test_power_ratio_of_a_system_that_never_fits_is_empty(of: Project) -> None:
    table = made(of, "power_ratio")
    chosen = table[table["classical_system"] == NEVER]
    assert len(chosen) == 2 * (4 + 1)  # at two SNRs the best attacks four ways, and one that both sides are hit with
    assert (chosen["status"] == "infeasible").all()
    assert chosen[["ratio", "ratio_low", "ratio_high", "n_censored"]].isna().all().all()


def test_power_ratio_of_single_attacks_is_that_of_medians_over_all_images(of: Project) -> None:
    table = made(of, "power_ratio")
    single = table[table["semantic_attack"] != BEST_OF]
    assert not (single["classical_attack"] == BEST_OF).any(), "the best of one side against one of the other"
    assert set(zip(single["population"], single["statistic"], strict=True)) == {("all", "median")}
    row = only(single, classical_system=CHAIN, snr_db=10.0)
    assert (row["semantic_attack"], row["classical_attack"]) == ("random", "random")
    assert (row["n_images"], row["n_censored"]) == (4, 3)


def test_single_attacks_are_compared_with_themselves_and_as_the_paper_does(tmp_path: Path) -> None:
    chosen = params.validate(chosen_of((NET, CHAIN), ("random", "pga", "all_bits", "vulnerable_set")))
    project = Project(chosen, tmp_path)
    for system, attack in chosen.pairs():
        project.add(f"attack/{system}.{attack}", attacked_rows(system, attack, 10.0))
    table = made(project, "power_ratio")
    pairs = set(zip(table["semantic_attack"], table["classical_attack"], strict=True))
    assert pairs == {(BEST_OF, BEST_OF), ("random", "random"), ("pga", "vulnerable_set")}


def test_power_ratio_of_medians_by_hand(of: Project) -> None:
    """With every image broken no resample is undefined: 20 of 10, 20, 30, 40 over 8 of 4, 8, 12, 16."""
    row = only(made(of, "attack_power"), system=NET, attack="random", snr_db=0.0)
    assert row["power_total_median"] == 20.0
    top, bottom = attacked_rows(NET, "random", 0.0), attacked_rows(NET, "pga", 0.0)
    found = ratio(top, bottom, "median", lambda images: Bootstrap(images, 200, 1))
    resamples = Bootstrap(4, 200, 1)
    draws = resamples.medians(top["power_total"].to_numpy()) / resamples.medians(bottom["power_total"].to_numpy())
    assert (found["ratio"], found["ratio_low"], found["ratio_high"]) == (2.5, *interval(draws))


def test_lost_images_are_those_not_sent_decoded_wrongly_or_shown_badly(of: Project) -> None:
    """At 10 dB the network shows all well, and two of the chain's blocks are wrong; at 0 dB three of four look bad."""
    table = made(of, "clean")
    rates = {(row["system"], row["snr_db"]): row["lost_rate"] for _, row in table.iterrows()}
    assert (rates[NET, 10.0], rates[CHAIN, 10.0], rates[NET, 0.0], rates[NEVER, 10.0]) == (0.0, 0.5, 0.75, 1.0)
    assert clean.working(table, 0.5) == {(name, 10.0) for name in (NET, CHAIN, STUDIED)}
    assert clean.working(table, 0.49) == {(name, 10.0) for name in (NET, STUDIED)}


def test_power_ratio_hides_no_system_that_is_not_left_out(of: Project) -> None:
    table = made(of, "power_ratio")
    assert set(table["semantic_system"]) == {NET}
    assert set(table["classical_system"]) == {CHAIN, NEVER, STUDIED}
    of_study = table[table["classical_system"] == STUDIED]
    assert set(of_study["semantic_attack"]) == set(of_study["classical_attack"]) == {BEST_OF}
    assert set(zip(of_study["population"], of_study["statistic"], strict=True)) == {("all", "median")}
    raw = of.params.section()
    raw["systems"][STUDIED]["left_out"] = "a reason"
    shorter = Project(params.validate(raw), of.folder)
    assert shorter.params.left_out() == {STUDIED: "a reason"}
    assert STUDIED not in table_of("power_ratio").settings(shorter.params)["systems"]


def test_power_ratio_without_a_common_breakable_image_is_empty(of: Project) -> None:
    """Each side can send breakable images, but never the same one."""
    for system, attack in of.params.pairs():
        table = pd.concat([attacked_rows(system, attack, snr_db) for snr_db in of.params.link.snr_db])
        table["infeasible"] = table["image"] == (0 if system == NET else 1)
        of.add(f"attack/{system}.{attack}", table)
    table = best_ratios(of)
    for statistic in ("mean", "median"):
        row = only(table, classical_system=CHAIN, snr_db=10.0, population="breakable", statistic=statistic)
        assert (row["n_images"], row["n_censored"], row["status"]) == (0, 0, "ok")
        assert row[["ratio", "ratio_low", "ratio_high"]].isna().all()


def test_ratio_where_neither_side_needs_power_is_empty() -> None:
    nothing = attacked_rows(CHAIN, "random", 0.0)
    row = ratio(nothing, nothing, "mean", lambda images: Bootstrap(images, 100, 1))
    assert all(math.isnan(row[key]) for key in ("ratio", "ratio_low", "ratio_high"))
    assert row["n_censored"] == 0


def powers(values: list[float], success: list[bool]) -> pd.DataFrame:
    return pd.DataFrame({"power_total": values, "success": success})


def test_ratio_of_medians_over_censored_images_is_zero_and_under_them_infinite() -> None:
    certain, censored = powers([4.0, 20.0, 12.0, 30.0], [True] * 4), powers([2.0, 8.0, 9.0, 8.0], [True] + [False] * 3)

    def resamples(images: int) -> Bootstrap:
        return Bootstrap(images, 100, 1)

    row = ratio(certain, censored, "median", resamples)
    assert (row["ratio"], row["ratio_low"], row["n_censored"]) == (0.0, 0.0, 3)
    row = ratio(censored, certain, "median", resamples)
    assert (row["ratio"], row["ratio_high"], row["n_censored"]) == (math.inf, math.inf, 3)
    row = ratio(certain, certain, "median", resamples)
    assert (row["ratio"], row["ratio_low"], row["ratio_high"]) == (1.0, 1.0, 1.0)


def test_ratio_with_an_undefined_resample_is_empty_rather_than_half_true(of: Project) -> None:
    """Medians of both sides fall on censored images in some resamples, and inf/inf is no number."""
    row = only(best_ratios(of), classical_system=CHAIN, snr_db=10.0, population="all", statistic="median")
    assert row[["ratio", "ratio_low", "ratio_high"]].isna().all()
    assert (row["status"], row["n_censored"]) == ("ok", 3)


def valid(name: str) -> pd.DataFrame:
    """A row that the table accepts."""
    values: dict[str, Any] = dict.fromkeys([*COMMON, *table_of(name).columns], 0.5)
    for stem in ("psnr_db", "power_total_median", "ratio"):
        if f"{stem}_low" in values:
            values |= {f"{stem}_low": 1.0, f"{stem}_high": 3.0, stem: 2.0}
    return pd.DataFrame([values])


@pytest.mark.parametrize("name", REQUIRED)
def test_a_good_row_is_accepted_in_the_promised_order_and_a_missing_column_is_not(name: str) -> None:
    table, good = table_of(name), valid(name)
    mixed = good.assign(extra=1)[["extra", *good.columns[::-1]]]
    assert table.checked(mixed).columns.tolist() == [*COMMON, *table.columns]
    for column in ("n_images", table.columns[0]):
        with pytest.raises((KeyError, SchemaError, SchemaErrors)):
            table.checked(good.drop(columns=column))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("clean", {"block_error_rate": 1.01}),
        ("clean", {"decode_failure_rate": -0.01}),
        ("clean", {"infeasible_rate": 2.0}),
        ("clean", {"ssim": 1.5}),
        ("clean", {"psnr_db_low": 2.1}),
        ("clean", {"psnr_db_high": 1.9}),
        ("attack_power", {"success_rate": 1.01}),
        ("attack_power", {"breakable_rate": 1.5}),
        ("attack_power", {"power_total_median_low": 2.1}),
        ("attack_power", {"power_total_median_high": 1.9}),
        ("attack_power", {"power_total_median_high": math.nan}),
        ("power_ratio", {"ratio_low": 2.1}),
        ("power_ratio", {"ratio_high": 1.9}),
    ],
)
def test_impossible_values_are_refused(name: str, change: dict[str, float]) -> None:
    with pytest.raises((SchemaError, SchemaErrors)):
        table_of(name).checked(valid(name).assign(**change))


def test_infinite_ratios_and_empty_measures_are_accepted() -> None:
    endless = valid("power_ratio").assign(ratio=math.inf, ratio_high=math.inf)
    table_of("power_ratio").checked(endless)
    table_of("power_ratio").checked(endless.assign(ratio=math.nan, ratio_low=math.nan, ratio_high=math.nan))
    table_of("clean").checked(valid("clean").assign(ssim=-0.2))
