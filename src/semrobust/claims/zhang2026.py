"""What zhang2026 claims, against a run's tables."""

from __future__ import annotations

import numpy as np
import pandas as pd

from semrobust.claims.claim import DIRECTION, FAILS, HOLDS, UNTESTED, Finding, Tables, claim
from semrobust.config.settings import Plain
from semrobust.tables.attacks import BEST_OF

CLAIMED = (14.0, 16.0)
"""The headline: "up to 14–16×"."""

_MINIMAL = 1.05  # an attack within 5% of the cheapest is as good as minimal
_WORKS = 0.01
_HEADLINE = (
    f"largest ratio over the SNRs at which the chain loses at most {_WORKS:.0%} of the images by itself, of the chain "
    "where that is smallest; holds: the interval meets 14–16; in direction: above 1 at all of them"
)


def _noisy(given: Plain) -> str | None:
    """The first attacked semantic system that was trained with channel noise."""
    return _semantic(given, with_noise=True)


def _noiseless(given: Plain) -> str | None:
    return _semantic(given, with_noise=False)


def _semantic(given: Plain, with_noise: bool) -> str | None:
    for name, system in given["attacked"]:
        training = system["training"]
        semantic = system["side"] == "semantic" and "train_snr_db" in training
        if semantic and (training["train_snr_db"] is not None) == with_noise:
            return str(name)
    return None


def _kind(given: Plain, kind: str) -> list[str]:
    """Names of the attacks of one kind."""
    return [name for name, of in given["attacks"] if of == kind]


def _ratios(tables: Tables, given: Plain, semantic: str, attacks: tuple[list[str], list[str]]) -> Finding | None:
    """The headline with one of these attacks on each side, whichever the table has first."""
    table = tables["power_ratio"]
    rows = table[(table["semantic_system"] == semantic) & (table["statistic"] == "mean") & (table["status"] == "ok")]
    rows = rows[(rows["population"] == "ruinable") & np.isfinite(rows["ratio_high"]) & (rows["ratio"] > 0)]
    rows = rows[rows["semantic_attack"].isin(attacks[0]) & rows["classical_attack"].isin(attacks[1])]
    clean = tables["clean"]
    works = clean[clean["block_error_rate"] <= _WORKS]
    pairs = set(zip(works["system"], works["snr_db"], strict=True))
    rows = rows[[pair in pairs for pair in zip(rows["classical_system"], rows["snr_db"], strict=True)]]
    if rows.empty:
        return None
    largest = {chain: of_chain.loc[of_chain["ratio"].idxmax()] for chain, of_chain in rows.groupby("classical_system")}
    chain, row = min(largest.items(), key=lambda item: float(item[1]["ratio"]))
    meets = row["ratio_low"] <= CLAIMED[1] and row["ratio_high"] >= CLAIMED[0]
    above = (rows.loc[rows["classical_system"] == chain, "ratio_low"] > 1).all()
    verdict = HOLDS if meets else DIRECTION if above else FAILS
    measure = f"times the power of {chain}, at {row['snr_db']:g} dB"
    return Finding(verdict, measure, row["ratio"], row["ratio_low"], row["ratio_high"])


@claim(
    "zhang2026_headline",
    "Abstract",
    "Semantic transmission needs up to 14–16 times the attack power, each side under its best attack",
    _HEADLINE,
    "power_ratio",
    "clean",
    stated="14–16×",
)
def headline(tables: Tables, given: Plain) -> Finding | None:
    semantic = _noisy(given)
    return None if semantic is None else _ratios(tables, given, semantic, ([BEST_OF], [BEST_OF]))


@claim(
    "zhang2026_headline_own_attacks",
    "Abstract",
    "The same under the paper's own attacks, PGA and the vulnerable set",
    _HEADLINE,
    "power_ratio",
    "clean",
    stated="14–16×",
)
def with_its_own_attacks(tables: Tables, given: Plain) -> Finding | None:
    semantic, sets = _noisy(given), _kind(given, "vulnerable_set")
    return None if semantic is None else _ratios(tables, given, semantic, (_kind(given, "pga")[:1], sets))


@claim(
    "zhang2026_more_robust",
    "Abstract",
    "Semantic transmission can exceed the robustness of separate source and channel coding",
    "share of points (chain, SNR) where the ratio's interval lies above 1; holds: all; in direction: over half",
    "power_ratio",
)
def more_robust(tables: Tables, given: Plain) -> Finding | None:
    table, semantic = tables["power_ratio"], _noisy(given)
    rows = table[(table["semantic_system"] == semantic) & (table["statistic"] == "mean") & (table["status"] == "ok")]
    rows = rows[(rows["population"] == "ruinable") & (rows["semantic_attack"] == BEST_OF) & rows["ratio"].notna()]
    if rows.empty:
        return None
    share = float((rows["ratio_low"] > 1).mean())
    return Finding(HOLDS if share == 1 else DIRECTION if share > 0.5 else FAILS, "share of points", share)


@claim(
    "zhang2026_pga_minimal",
    "Abstract",
    "Progressive gradient ascent finds perturbations of minimum power",
    f"its mean power over that of the cheapest attack, largest over SNR; holds: at most {_MINIMAL:g}",
    "attack_power",
)
def pga_is_minimal(tables: Tables, given: Plain) -> Finding | None:
    return _over_best(tables, _noisy(given), _kind(given, "pga")[-1:], "PGA (refined)")


@claim(
    "zhang2026_vulnerable_set_minimal",
    "Abstract",
    "The vulnerable set attack induces decoding failure with minimal energy",
    f"its mean power over the cheapest attack's, at the highest SNR, largest over chains; holds: at most {_MINIMAL:g}",
    "attack_power",
)
def sets_are_minimal(tables: Tables, given: Plain) -> Finding | None:
    chains = [name for name, system in given["attacked"] if system["side"] == "classical"]
    found = [_over_best(tables, name, _kind(given, "vulnerable_set"), name, last=True) for name in chains]
    return max((one for one in found if one is not None), key=lambda one: one.value, default=None)


def _over_best(
    tables: Tables, system: str | None, attacks: list[str], label: str, last: bool = False
) -> Finding | None:
    table = tables["attack_power"]
    rows = table[table["system"] == system].pivot_table(index="snr_db", columns="attack", values="ruinable_power_mean")
    attack = next((name for name in attacks if name in rows), None)
    if attack is None or BEST_OF not in rows:
        return None
    share = (rows[attack] / rows[BEST_OF])[rows[BEST_OF] > 0].dropna()
    if share.empty:
        return None
    value = float(share.iloc[-1] if last else share.max())
    return Finding(HOLDS if value <= _MINIMAL else FAILS, f"power of {label} ÷ cheapest", value)


@claim(
    "zhang2026_noisy_training",
    "Abstract",
    "Training with channel noise protects against attacks",
    "power with ÷ without noise in training, cheapest attacks, at the highest SNR; holds: intervals apart",
    "attack_power",
)
def noise_protects(tables: Tables, given: Plain) -> Finding | None:
    table = tables["attack_power"]
    rows = table[table["attack"] == BEST_OF].sort_values("snr_db")
    pair = [rows[rows["system"] == name] for name in (_noisy(given), _noiseless(given))]
    if any(each.empty for each in pair):
        return None
    noisy, noiseless = (each.iloc[-1] for each in pair)
    ratio = noisy["power_total_mean"] / noiseless["power_total_mean"]
    low = noisy["power_total_low"] / noiseless["power_total_high"]
    high = noisy["power_total_high"] / noiseless["power_total_low"]
    verdict = HOLDS if low > 1 else DIRECTION if ratio > 1 else FAILS
    return Finding(verdict, f"ratio of powers at {noisy['snr_db']:g} dB", ratio, low, high)


@claim(
    "zhang2026_smooth",
    "Abstract",
    "Noise in training makes the decoder smooth",
    "Frobenius norm of the Jacobian, without ÷ with noise, smallest over SNR; holds: intervals apart at every SNR",
    "lipschitz",
)
def smooth(tables: Tables, given: Plain) -> Finding | None:
    rows = tables["lipschitz"].sort_values("snr_db")
    noisy, noiseless = (
        rows[rows["system"] == name].reset_index(drop=True) for name in (_noisy(given), _noiseless(given))
    )
    if noisy.empty or noiseless.empty:
        return None
    ratio = noiseless["frobenius_mean"] / noisy["frobenius_mean"]
    least = int(ratio.to_numpy().argmin())
    low = float(noiseless["frobenius_low"][least] / noisy["frobenius_high"][least])
    high = float(noiseless["frobenius_high"][least] / noisy["frobenius_low"][least])
    apart = (noiseless["frobenius_low"] > noisy["frobenius_high"]).all()
    verdict = HOLDS if apart else DIRECTION if (ratio > 1).all() else FAILS
    return Finding(verdict, "ratio of Frobenius norms", float(ratio[least]), low, high)


_WAYS = "times the power for the same rise of the RMSE at the highest SNR, all trainings; holds: intervals apart"


@claim(
    "zhang2026_headline_trainings",
    "Abstract",
    "The same over several trainings of the semantic side, at equal criteria on both sides",
    "as the headline, from `criteria_ratio` at the paper's D*, at the highest SNR, of the chain where it is smallest",
    "criteria_ratio",
    stated="14–16×",
)
def over_trainings(tables: Tables, given: Plain) -> Finding | None:
    group = _trained(given, noise=True, several=True)
    usual = given["success_psnr_db"]
    criterion = next((name for name, rule in given["ruined"] if rule["psnr_db"] == usual), None)
    table = tables["criteria_ratio"]
    rows = table[(table["semantic_system"] == group) & (table["criterion"] == criterion) & table["ratio"].notna()]
    if rows.empty:
        return None
    rows = rows[rows["snr_db"] == rows["snr_db"].max()]
    row = rows.loc[rows["ratio"].idxmin()]
    meets = row["ratio_low"] <= CLAIMED[1] and row["ratio_high"] >= CLAIMED[0]
    verdict = HOLDS if meets else DIRECTION if row["ratio_low"] > 1 else FAILS
    measure = f"times the power of {row['classical_system']}, at {row['snr_db']:g} dB, {row['n_seeds']:g} trainings"
    return Finding(verdict, measure, row["ratio"], row["ratio_low"], row["ratio_high"])


@claim(
    "zhang2026_not_by_margin",
    "Abstract",
    "Noise in training protects beyond the quality that there is to lose",
    f"with ÷ without noise in training, {_WAYS}",
    "criteria",
)
def noise_protects_beyond_margin(tables: Tables, given: Plain) -> Finding | None:
    pair = (_trained(given, noise=True, several=True), _trained(given, noise=False, several=True))
    return _same_rise(tables, given, *pair)


@claim(
    "zhang2026_smoothness_alone",
    "Abstract",
    "Smoothness itself protects: a penalty on the slope instead of noise does too",
    f"with slope penalty ÷ without noise, {_WAYS}",
    "criteria",
)
def smoothness_protects(tables: Tables, given: Plain) -> Finding | None:
    return _same_rise(tables, given, _trained(given, penalty=True), _trained(given, noise=False, several=True))


def _trained(given: Plain, noise: bool = False, several: bool = False, penalty: bool = False) -> str | None:
    """The group of trainings tried under criteria that was trained so."""
    for group, systems, training in given["trainings"]:
        if (len(systems) > 1) != several or "train_snr_db" not in training:
            continue
        if (training["train_snr_db"] is not None) == noise and ("penalty_snr_db" in training) == penalty:
            return str(group)
    return None


def _same_rise(tables: Tables, given: Plain, above: str | None, below: str | None) -> Finding | None:
    rise = [name for name, rule in given["ruined"] if rule["rise_levels"] is not None]
    table = tables["criteria"]
    rows = table[table["criterion"].isin(rise[:1])].sort_values("snr_db")
    pair = [rows[rows["system"] == group] for group in (above, below)]
    if any(each.empty for each in pair):
        return None
    top, bottom = (each.iloc[-1] for each in pair)
    value = top["power_total_mean"] / bottom["power_total_mean"]
    low = top["power_total_low"] / bottom["power_total_high"]
    high = top["power_total_high"] / bottom["power_total_low"]
    return Finding(
        HOLDS if low > 1 else DIRECTION if value > 1 else FAILS, f"at {top['snr_db']:g} dB", value, low, high
    )


@claim(
    "zhang2026_other_attackers",
    "Threat model",
    "Semantic transmission is harder to attack also for attackers who know less; the paper claims it for those who "
    "know everything",
    "smallest ratio over levels of knowledge and chains, at the highest SNR; holds: its interval lies above 1",
    "attacker_knowledge",
)
def for_other_attackers(tables: Tables, given: Plain) -> Finding | None:
    table = tables["attacker_knowledge"]
    rows = table[(table["semantic_system"] == _noisy(given)) & table["ratio"].notna()]
    rows = rows[rows["snr_db"] == rows["snr_db"].max()]
    if rows.empty:
        return None
    row = rows.loc[rows["ratio"].idxmin()]
    measure = f"times the power of {row['classical_system']}, at {row['snr_db']:g} dB, knowledge: {row['knowledge']}"
    return Finding(
        HOLDS if row["ratio_low"] > 1 else DIRECTION if row["ratio"] > 1 else FAILS,
        measure,
        row["ratio"],
        row["ratio_low"],
        row["ratio_high"],
    )


@claim(
    "zhang2026_bound",
    "Eq. 10",
    "Lipschitz smoothness bounds the least attack power from below",
    "median of measured ÷ certified power at the highest SNR; holds: at most 10; in direction: bound above 0",
    "bounds",
)
def bounded(tables: Tables, given: Plain) -> Finding | None:
    return _tightness(tables["bounds"], _noisy(given), "certified")


@claim(
    "zhang2026_ideal_bound",
    "Eq. 12",
    "The bound for a decoder that inverts the encoder",
    "as above; in direction: its bracket is positive at the highest SNR",
    "bounds",
)
def ideal(tables: Tables, given: Plain) -> Finding | None:
    return _tightness(tables["bounds"], _noisy(given), "ideal")


def _tightness(table: pd.DataFrame, system: str | None, quantity: str) -> Finding | None:
    rows = table[(table["system"] == system) & (table["quantity"] == quantity)].sort_values("snr_db")
    if rows.empty:
        return None
    row = rows.iloc[-1]
    if row["power_total_mean"] == 0:
        return Finding(FAILS, "promises nothing", 0.0)
    value = float(row["tightness_median"])
    return Finding(HOLDS if value <= 10 else DIRECTION, "measured ÷ bound", value)


@claim(
    "zhang2026_csi",
    "Figs. 7–9",
    "The same holds for CSI feedback over COST 2100",
    "needs the COST 2100 data, which this project does not have",
)
def csi_feedback(tables: Tables, given: Plain) -> Finding:
    return Finding(UNTESTED, "no data")
