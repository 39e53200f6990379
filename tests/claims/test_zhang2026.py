"""Verdicts on zhang2026: each follows from the tables by its rule, and turns when they do."""

from __future__ import annotations

import pandas as pd
import pytest

from semrobust.claims.claim import DIRECTION, FAILS, HOLDS, INCONCLUSIVE, Finding
from semrobust.config.settings import ALL
from semrobust.tables.attacks import BEST_OF
from tests.claims.judging import GIVEN, Tables, ratio, shifted, verdict


@pytest.mark.parametrize(("to", "expected"), [(15.0, HOLDS), (3.0, DIRECTION), (100.0, DIRECTION), (0.5, FAILS)])
def test_headline_is_judged_by_the_interval_of_the_ratio(samples: Tables, to: float, expected: str) -> None:
    found = verdict("zhang2026_headline", ratio(samples, to))
    assert found.verdict == expected
    assert found.value == to


def test_headline_is_inconclusive_where_the_interval_includes_no_difference(samples: Tables) -> None:
    table = ratio(samples, 15.0)["power_ratio"]
    assert verdict("zhang2026_headline", samples | {"power_ratio": table.assign(ratio_low=0.9)}).verdict == INCONCLUSIVE


def test_chains_count_where_they_work_by_themselves_those_of_studies_too(samples: Tables) -> None:
    table, clean = samples["attack_power"], samples["clean"]
    powers = ["ruinable_power_mean", "ruinable_power_low", "ruinable_power_high"]

    def found(chains: list[str], times: float, works: pd.DataFrame = clean) -> Finding:
        changed = table.copy()
        changed.loc[changed["system"].isin(chains), powers] *= times
        return verdict("zhang2026_more_robust", samples | {"attack_power": changed, "clean": works})

    chains, ablation = GIVEN["chains"], [name for name in GIVEN["chains"] if name.startswith("ablation")]
    assert ablation
    assert found(chains, 0.01).verdict == HOLDS
    assert found(chains, 1e4).verdict == FAILS
    assert found(ablation[:1], 1e4).verdict == DIRECTION
    # a chain that loses its images by itself is broken by nobody
    dead = clean.assign(block_error_rate=clean["block_error_rate"].mask(clean["system"] == ablation[0], 0.5))
    assert found(ablation[:1], 1e4, dead).verdict == HOLDS


def test_trainings_are_judged_only_by_a_search_as_good_as_the_others(samples: Tables) -> None:
    powers = samples["attack_power"]
    best = (powers["attack"] == BEST_OF) & (powers["system"] == "deepjscc")

    def found(to: float, weaker: float) -> str:
        table = samples["criteria_ratio"].assign(ratio=to, ratio_low=0.9 * to, ratio_high=1.1 * to)
        least = table.loc[table["semantic_system"] == "deepjscc", "semantic_power"].max() / weaker
        long = powers.assign(ruinable_power_mean=powers["ruinable_power_mean"].mask(best, least))
        table.loc[table["semantic_system"] == "deepjscc", "semantic_power"] = weaker * least
        tables = samples | {"criteria_ratio": table, "attack_power": long}
        return verdict("zhang2026_headline_trainings", tables).verdict

    assert [found(to, 1.0) for to in (15.0, 3.0, 1.0, 0.5)] == [HOLDS, DIRECTION, INCONCLUSIVE, FAILS]
    assert [found(to, 1.23) for to in (15.0, 3.0, 1.0, 0.5)] == [INCONCLUSIVE, INCONCLUSIVE, INCONCLUSIVE, FAILS]


def test_attackers_who_know_less_are_judged_by_their_smallest_ratio(samples: Tables) -> None:
    table = samples["attacker_knowledge"]

    def found(less: float, everything: float) -> Finding:
        ratios = (table["knowledge"] == ALL).map({True: everything, False: less})
        one = table[(table["semantic_system"] == "deepjscc") & (table["knowledge"] == "sent")]
        lowest = ratios.mask(table.index == one["snr_db"].idxmax(), less / 2)
        ends = {"ratio": lowest, "ratio_low": 0.9 * lowest, "ratio_high": 1.1 * lowest}
        return verdict("zhang2026_other_attackers", samples | {"attacker_knowledge": table.assign(**ends)})

    assert found(3.0, 0.1).verdict == HOLDS  # who knows everything is another claim's
    assert found(2.0, 9.0).verdict == INCONCLUSIVE
    assert found(1.0, 9.0).verdict == FAILS


def test_headline_leaves_out_snrs_at_which_the_chain_fails_by_itself(samples: Tables) -> None:
    table, clean = ratio(samples, 3.0)["power_ratio"], samples["clean"]
    lost = clean[(clean["block_error_rate"] > 0.01)][["system", "snr_db"]].apply(tuple, axis=1).tolist()
    fails = table[["classical_system", "snr_db"]].apply(tuple, axis=1).isin(lost)
    assert 0 < fails.sum() < len(table)
    found = verdict("zhang2026_headline", samples | {"power_ratio": shifted(table, fails, 1000.0, "ratio")})
    assert found.value == 3.0


@pytest.mark.parametrize(("factor", "expected"), [(1.0, HOLDS), (2.0, FAILS)])
def test_an_attack_is_minimal_if_none_is_cheaper(samples: Tables, factor: float, expected: str) -> None:
    table = samples["attack_power"].copy()
    table.loc[table["attack"].isin(["pga", "pga_refined"]), "ruinable_power_mean"] *= factor
    assert verdict("zhang2026_pga_minimal", samples | {"attack_power": table}).verdict == expected


def test_noise_in_training_is_judged_by_power_and_by_slopes(samples: Tables) -> None:
    claims = ("zhang2026_noisy_training", "zhang2026_smooth")
    swapped = {"deepjscc": "deepjscc_noiseless", "deepjscc_noiseless": "deepjscc"}
    other = samples | {name: table.replace({"system": swapped}) for name, table in samples.items()}
    # the same system under both names: no difference
    copies = {
        name: pd.concat([samples[name], samples[name].query("system == 'deepjscc'").assign(system=swapped["deepjscc"])])
        for name in ("attack_power", "lipschitz")
    }
    keys = ["system", "attack", "snr_db"]
    same = samples | {
        name: of.drop_duplicates([key for key in keys if key in of], keep="last") for name, of in copies.items()
    }
    for name in claims:
        assert [verdict(name, tables).verdict for tables in (samples, same, other)] == [HOLDS, INCONCLUSIVE, FAILS]


def test_powers_are_those_of_the_headline_s_images(samples: Tables) -> None:
    table = samples["attack_power"]
    everything = table.assign(**{f"power_total_{end}": 1e9 for end in ("mean", "low", "high")})
    assert verdict("zhang2026_noisy_training", samples | {"attack_power": everything}) == verdict(
        "zhang2026_noisy_training", samples
    )


@pytest.mark.parametrize(("factor", "expected"), [(3.0, HOLDS), (50.0, DIRECTION), (1e6, FAILS)])
def test_a_bound_far_below_explains_nothing(samples: Tables, factor: float, expected: str) -> None:
    table = samples["bounds"].assign(tightness_median=factor)
    assert verdict("zhang2026_bound", samples | {"bounds": table}).verdict == expected
    assert verdict("zhang2026_ideal_bound", samples).verdict == FAILS
