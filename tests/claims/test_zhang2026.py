"""Verdicts on zhang2026: each follows from the tables by its rule, and turns when they do."""

from __future__ import annotations

import pandas as pd
import pytest

from semrobust.claims.claim import CLAIMS, Finding
from semrobust.pipeline.verdicts import DIRECTION, FAILS, HOLDS, INCONCLUSIVE, UNTESTED
from semrobust.tables.attacks import BEST_OF
from tests.claims.judging import Tables, ratio, shifted, verdict
from tests.figures.samples import PARAMS


@pytest.mark.parametrize(("to", "expected"), [(15.0, HOLDS), (3.0, DIRECTION), (100.0, DIRECTION), (0.5, FAILS)])
def test_headline_is_judged_by_the_interval_of_the_ratio(samples: Tables, to: float, expected: str) -> None:
    found = verdict("zhang2026_headline", ratio(samples, to))
    assert found.verdict == expected
    assert found.value == to


def test_headline_is_inconclusive_where_the_interval_includes_no_difference(samples: Tables) -> None:
    table = ratio(samples, 15.0)["power_ratio"]
    assert verdict("zhang2026_headline", samples | {"power_ratio": table.assign(ratio_low=0.9)}).verdict == INCONCLUSIVE


def test_chains_count_where_both_work_by_themselves_those_of_studies_too(samples: Tables) -> None:
    table, clean = samples["power_ratio"], samples["clean"]
    chains = list(dict.fromkeys(table["classical_system"]))
    studied = [name for name in chains if PARAMS.systems[name].study]
    assert 0 < len(studied) < len(chains)

    def found(of: dict[str, float], works: pd.DataFrame = clean) -> Finding:
        to = table["classical_system"].map(of).fillna(3.0)
        of_these = table.assign(ratio=to, ratio_low=0.9 * to, ratio_high=1.1 * to)
        return verdict("zhang2026_more_robust", samples | {"power_ratio": of_these, "clean": works})

    def without(*systems: str) -> pd.DataFrame:
        return clean.assign(lost_rate=clean["lost_rate"].mask(clean["system"].isin(systems), 0.02))

    assert found({}).verdict == HOLDS
    assert found(dict.fromkeys(chains, 1.0)).verdict == INCONCLUSIVE
    assert found(dict.fromkeys(chains, 0.5)).verdict == FAILS
    assert found({studied[0]: 0.5}).verdict == DIRECTION
    # a chain that loses its images by itself is broken by nobody, and a network that does breaks by itself
    assert found({studied[0]: 0.5}, without(studied[0])).verdict == HOLDS
    assert found({}, without("deepjscc")).verdict == UNTESTED


@pytest.mark.parametrize(
    ("name", "table"),
    [(claim.name, claim.tables[0]) for claim in CLAIMS if claim.tables[1:] and claim.tables[-1] == "clean"],
)
def test_a_claim_rests_on_points_where_systems_work_and_the_table_has_all(
    samples: Tables, name: str, table: str
) -> None:
    nobody = samples | {"clean": samples["clean"].assign(lost_rate=0.0101)}
    assert verdict(name, nobody).verdict == UNTESTED
    assert set(samples[table]["snr_db"]) > set(samples[table]["snr_db"][:1])
    assert verdict(name, samples | {"clean": samples["clean"].assign(lost_rate=0.01)}).verdict != UNTESTED


@pytest.mark.parametrize("name", ["zhang2026_headline", "zhang2026_headline_own_attacks", "zhang2026_more_robust"])
def test_no_claim_switches_population_or_statistic(samples: Tables, name: str) -> None:
    """Other populations and statistics stand in the tables, and move no verdict."""
    table = ratio(samples, 3.0)["power_ratio"]
    other = (table["population"] != "all") | (table["statistic"] != "median")
    assert other.any()
    moved = shifted(table, other, 1e6, "ratio", "ratio_low", "ratio_high")
    assert verdict(name, samples | {"power_ratio": moved}) == verdict(name, samples | {"power_ratio": table})


def test_trainings_are_judged_only_by_a_search_as_good_as_the_others(samples: Tables) -> None:
    powers = samples["attack_power"]
    best = (powers["attack"] == BEST_OF) & (powers["system"] == "deepjscc")

    def found(to: float, weaker: float) -> str:
        table = samples["criteria_ratio"].assign(ratio=to, ratio_low=0.9 * to, ratio_high=1.1 * to)
        least = table.loc[table["semantic_system"] == "deepjscc", "semantic_power"].max() / weaker
        long = powers.assign(power_total_median=powers["power_total_median"].mask(best, least))
        table.loc[table["semantic_system"] == "deepjscc", "semantic_power"] = weaker * least
        tables = samples | {"criteria_ratio": table, "attack_power": long}
        return verdict("zhang2026_headline_trainings", tables).verdict

    assert [found(to, 1.0) for to in (15.0, 3.0, 1.0, 0.5)] == [HOLDS, DIRECTION, INCONCLUSIVE, FAILS]
    assert [found(to, 1.23) for to in (15.0, 3.0, 1.0, 0.5)] == [INCONCLUSIVE, INCONCLUSIVE, INCONCLUSIVE, FAILS]


@pytest.mark.parametrize("level", ["channel", "receiver", "sent", "traffic"])
def test_attackers_who_know_less_are_judged_by_their_smallest_ratio(samples: Tables, level: str) -> None:
    table = samples["attacker_knowledge"]

    def found(this: float, others: float) -> Finding:
        ratios = (table["knowledge"] == level).map({True: this, False: others})
        one = table[(table["semantic_system"] == "deepjscc") & (table["knowledge"] == level)]
        lowest = ratios.mask(table.index == one["snr_db"].idxmax(), this / 2)
        ends = {"ratio": lowest, "ratio_low": 0.9 * lowest, "ratio_high": 1.1 * lowest}
        return verdict(f"zhang2026_attacker_knows_{level}", samples | {"attacker_knowledge": table.assign(**ends)})

    assert found(3.0, 0.1).verdict == HOLDS  # other levels are other claims'
    assert found(2.0, 9.0).verdict == INCONCLUSIVE
    assert found(1.0, 9.0).verdict == FAILS


def test_headline_leaves_out_snrs_at_which_the_chain_fails_by_itself(samples: Tables) -> None:
    table, clean = ratio(samples, 3.0)["power_ratio"], samples["clean"]
    lost = clean[(clean["lost_rate"] > 0.01)][["system", "snr_db"]].apply(tuple, axis=1).tolist()
    fails = table[["classical_system", "snr_db"]].apply(tuple, axis=1).isin(lost)
    assert 0 < fails.sum() < len(table)
    found = verdict("zhang2026_headline", samples | {"power_ratio": shifted(table, fails, 1000.0, "ratio")})
    assert found.value == 3.0


@pytest.mark.parametrize(
    ("over", "expected"), [((1.0, 1.0, 1.04), HOLDS), ((1.0, 1.0, 1.2), INCONCLUSIVE), ((2.0, 1.9, 2.1), FAILS)]
)
def test_an_attack_is_minimal_if_none_is_certainly_cheaper(
    samples: Tables, over: tuple[float, ...], expected: str
) -> None:
    table = samples["attack_power"].copy()
    last = (table["attack"] == "pga_refined") & (table["snr_db"] == table["snr_db"].max())
    table.loc[last, ["over_best", "over_best_low", "over_best_high"]] = over
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


@pytest.mark.parametrize("name", ["zhang2026_noisy_training", "zhang2026_pga_minimal"])
def test_powers_are_medians_over_all_images(samples: Tables, name: str) -> None:
    columns = [str(column) for column in samples["attack_power"]]
    others = [column for column in columns if "power" in column and "median" not in column]
    moved = samples["attack_power"].assign(**dict.fromkeys(others, 1e9))
    assert len(others) > 5
    assert verdict(name, samples | {"attack_power": moved}) == verdict(name, samples)


@pytest.mark.parametrize(("factor", "expected"), [(3.0, HOLDS), (50.0, DIRECTION), (1e6, FAILS)])
def test_a_bound_far_below_explains_nothing(samples: Tables, factor: float, expected: str) -> None:
    table = samples["bounds"].assign(tightness_median=factor, tightness_low=factor, tightness_high=factor)
    assert verdict("zhang2026_bound", samples | {"bounds": table}).verdict == expected
    assert verdict("zhang2026_ideal_bound", samples).verdict == FAILS
    wide = {"bounds": table.assign(tightness_low=1.0, tightness_high=1e9)}
    assert verdict("zhang2026_bound", samples | wide).verdict == INCONCLUSIVE


def frontier(*systems: tuple[str, float, float]) -> pd.DataFrame:
    """Rows (side, clean PSNR, least power with an interval of 10%) at one SNR."""
    rows = pd.DataFrame(systems, columns=["side", "psnr_db", "power_total_median"])
    power = rows["power_total_median"]
    ends = {"power_total_median_low": 0.9 * power, "power_total_median_high": 1.1 * power}
    return rows.assign(system=rows["side"], snr_db=10.0, works=True, n_images=4, **ends)


@pytest.mark.parametrize(
    ("systems", "uses", "quality"),
    [
        # at 25 dB of quality, which both reach, the chain needs 30 and the network 20
        ([("semantic", 20.0, 90.0), ("semantic", 27.0, 20.0), ("classical", 25.0, 30.0)], HOLDS, FAILS),
        ([("semantic", 27.0, 40.0), ("classical", 20.0, 90.0), ("classical", 25.0, 10.0)], FAILS, HOLDS),
        ([("semantic", 25.0, 31.0), ("classical", 25.0, 30.0)], INCONCLUSIVE, INCONCLUSIVE),
        ([("semantic", 25.0, 31.0)], UNTESTED, UNTESTED),
    ],
)
def test_sides_are_compared_at_equal_uses_and_at_equal_quality(
    samples: Tables, systems: list[tuple[str, float, float]], uses: str, quality: str
) -> None:
    table = frontier(*systems)
    found = [verdict(f"zhang2026_equal_{what}", samples | {"frontier": table}) for what in ("uses", "quality")]
    assert [each.verdict for each in found] == [uses, quality]
    if uses == HOLDS:
        assert (found[0].value, found[0].low, found[0].high) == pytest.approx((3.0, 3 * 0.9 / 1.1, 3 * 1.1 / 0.9))
        assert found[1].value == pytest.approx(20 / 30)
    nobody = samples | {"frontier": table.assign(works=False)}
    assert {verdict(f"zhang2026_equal_{what}", nobody).verdict for what in ("uses", "quality")} == {UNTESTED}


def test_the_worst_snr_decides(samples: Tables) -> None:
    good, bad = (frontier(("semantic", 25.0, power), ("classical", 25.0, 10.0)) for power in (90.0, 5.0))
    both = samples | {"frontier": pd.concat([good, bad.assign(snr_db=20.0)])}
    found = verdict("zhang2026_equal_uses", both)
    assert (found.verdict, found.value) == (FAILS, 0.5)
    assert "at 20 dB" in found.measure
