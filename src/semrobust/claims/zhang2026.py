"""What zhang2026 claims, against a run's tables."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from semrobust.claims.claim import (
    FAILS,
    INCONCLUSIVE,
    UNTESTED,
    Finding,
    Interval,
    Tables,
    above,
    below,
    claim,
    share,
    verdict,
)
from semrobust.config.settings import ALL, Plain
from semrobust.tables.attacks import BEST_OF

CLAIMED = (14.0, 16.0)
"""The headline: "up to 14–16×"."""

_MINIMAL = 1.05  # an attack within 5% of the cheapest is as good as minimal
_WORKS = 0.01
_HEADLINE = (
    f"largest ratio over the SNRs at which the chain loses at most {_WORKS:.0%} of the images by itself, of the chain "
    "where that is smallest; in direction: the intervals at all of them above 1; holds: the largest meets 14–16, too; "
    "does not hold: one of them reaches no higher than 1"
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
    rows = _working(rows, tables["clean"], "classical_system")
    if rows.empty:
        return None
    largest = rows.sort_values("ratio").drop_duplicates("classical_system", keep="last")
    row = largest.iloc[0]
    chain = str(row["classical_system"])
    of_chain = rows[rows["classical_system"] == chain]
    measure = f"times the power of {chain}, at {row['snr_db']:g} dB"
    return _claimed(measure, row, of_chain["ratio_low"], of_chain["ratio_high"])


def _claimed(measure: str, row: pd.Series[float], lows: pd.Series[float], highs: pd.Series[float]) -> Finding:
    """Whether the ratio of `row` is the claimed one, and those with these ends above 1."""
    meets = row["ratio_low"] <= CLAIMED[1] and row["ratio_high"] >= CLAIMED[0]
    ahead = bool((lows > 1).all())
    said = verdict(ahead and meets, ahead, bool((highs <= 1).any()))
    return Finding(said, measure, row["ratio"], row["ratio_low"], row["ratio_high"])


def _working(rows: pd.DataFrame, clean: pd.DataFrame, column: str) -> pd.DataFrame:
    """Rows at whose SNR the chain in `column` delivers by itself: a dead chain is broken by no attack."""
    works = clean[clean["block_error_rate"] <= _WORKS]
    pairs = set(zip(works["system"], works["snr_db"], strict=True))
    return rows[[pair in pairs for pair in zip(rows[column], rows["snr_db"], strict=True)]]


def _times(top: pd.Series[float], bottom: pd.Series[float], stem: str) -> tuple[float, Interval]:
    """One mean power over another; the interval is from the ends of theirs, so it is a wide one."""
    ends = (top[f"{stem}_low"] / bottom[f"{stem}_high"], top[f"{stem}_high"] / bottom[f"{stem}_low"])
    return float(top[f"{stem}_mean"] / bottom[f"{stem}_mean"]), ends


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
    f"{_HEADLINE}; chains that no study changes",
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
    "share of points (chain, SNR) at which it does, of all attacked chains and the SNRs at which they lose at most "
    f"{_WORKS:.0%} of the images by themselves, cheapest attacks; holds: the intervals of both powers apart at all of "
    "them; in direction: at over half",
    "attack_power",
    "clean",
)
def more_robust(tables: Tables, given: Plain) -> Finding | None:
    table = tables["attack_power"]
    rows = table[(table["attack"] == BEST_OF) & (table["status"] == "ok")]
    semantic = rows[rows["system"] == _noisy(given)]
    chains = _working(rows[rows["system"].isin(given["chains"])], tables["clean"], "system")
    both = chains.merge(semantic, on="snr_db", suffixes=("", "_semantic"))
    low = both["ruinable_power_low_semantic"] / both["ruinable_power_high"]
    high = both["ruinable_power_high_semantic"] / both["ruinable_power_low"]
    return share(f"share of points, {both['system'].nunique()} chains", low, high, 1.0)


@claim(
    "zhang2026_pga_minimal",
    "Abstract",
    "Progressive gradient ascent finds perturbations of minimum power",
    "its mean power over that of the cheapest attack on the same images, largest over SNR; holds: at most "
    f"{_MINIMAL:g}",
    "attack_power",
)
def pga_is_minimal(tables: Tables, given: Plain) -> Finding | None:
    return _over_best(tables, _noisy(given), _kind(given, "pga")[-1:], "PGA (refined)")


@claim(
    "zhang2026_vulnerable_set_minimal",
    "Abstract",
    "The vulnerable set attack induces decoding failure with minimal energy",
    "its mean power over that of the cheapest attack on the same images, at the highest SNR, largest over chains; "
    f"holds: at most {_MINIMAL:g}",
    "attack_power",
)
def sets_are_minimal(tables: Tables, given: Plain) -> Finding | None:
    chains = [name for name, system in given["attacked"] if system["side"] == "classical"]
    found = [_over_best(tables, name, _kind(given, "vulnerable_set"), name, last=True) for name in chains]
    return max((one for one in found if one is not None), key=lambda one: one.value, default=None)


def _over_best(
    tables: Tables, system: str | None, attacks: list[str], label: str, last: bool = False
) -> Finding | None:
    """How much cheaper than this attack another one is: that needs no interval, for it is so on these very images."""
    table = tables["attack_power"]
    rows = table[table["system"] == system].pivot_table(index="snr_db", columns="attack", values="ruinable_power_mean")
    attack = next((name for name in attacks if name in rows), None)
    if attack is None or BEST_OF not in rows:
        return None
    share = (rows[attack] / rows[BEST_OF])[rows[BEST_OF] > 0].dropna()
    if share.empty:
        return None
    value = float(share.iloc[-1] if last else share.max())
    return below(f"power of {label} ÷ cheapest", value, None, limit=_MINIMAL)


@claim(
    "zhang2026_noisy_training",
    "Abstract",
    "Training with channel noise protects against attacks",
    "power with ÷ without noise in training, cheapest attacks, images as in the headline, at the highest SNR; holds: "
    "the interval above 1",
    "attack_power",
)
def noise_protects(tables: Tables, given: Plain) -> Finding | None:
    table = tables["attack_power"]
    rows = table[table["attack"] == BEST_OF].sort_values("snr_db")
    pair = [rows[rows["system"] == name] for name in (_noisy(given), _noiseless(given))]
    if any(each.empty for each in pair):
        return None
    noisy, noiseless = (each.iloc[-1] for each in pair)
    value, ends = _times(noisy, noiseless, "ruinable_power")
    return above(f"ratio of powers at {noisy['snr_db']:g} dB", value, ends, limit=1.0)


@claim(
    "zhang2026_smooth",
    "Abstract",
    "Noise in training makes the decoder smooth",
    "Frobenius norm of the Jacobian, without ÷ with noise, smallest over SNR; holds: the interval above 1",
    "lipschitz",
)
def smooth(tables: Tables, given: Plain) -> Finding | None:
    rows = tables["lipschitz"].sort_values("snr_db")
    noisy, noiseless = (
        rows[rows["system"] == name].reset_index(drop=True) for name in (_noisy(given), _noiseless(given))
    )
    if noisy.empty or noiseless.empty:
        return None
    found = [_times(noiseless.loc[index], noisy.loc[index], "frobenius") for index in noisy.index]
    value = min(ratio for ratio, _ in found)
    ends = (min(low for _, (low, _) in found), min(high for _, (_, high) in found))
    return above("ratio of Frobenius norms", value, ends, limit=1.0)


_WAYS = "times the power for the same rise of the RMSE at the highest SNR, all trainings; holds: interval above 1"


@claim(
    "zhang2026_headline_trainings",
    "Abstract",
    "The same over several trainings of the semantic side, at equal criteria on both sides",
    "as the headline, from `criteria_ratio` at the paper's D*, at the highest SNR, of the chain where it is smallest; "
    "inconclusive instead of in favour where its short search needs over "
    f"{_MINIMAL - 1:.0%} more power than the cheapest attack of `attack_power` on the same network",
    "criteria_ratio",
    "attack_power",
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
    weak = _search(table[table["criterion"] == criterion], tables["attack_power"], _noisy(given), row["snr_db"])
    measure = f"times the power of {row['classical_system']}, at {row['snr_db']:g} dB, {row['n_seeds']:g} trainings"
    measure += f", by a search that needs {weak:.2f} times the least known"
    found = _claimed(measure, row, rows["ratio_low"], rows["ratio_high"])
    # a search that finds too much on the semantic side can refute the claim, and not support it
    return found if weak <= _MINIMAL or found.verdict == FAILS else replace(found, verdict=INCONCLUSIVE)


def _search(short: pd.DataFrame, long: pd.DataFrame, system: str | None, snr_db: float) -> float:
    """Power that the search of `criteria_ratio` needs over that of the cheapest attack, on the same network."""
    ours = short[(short["semantic_system"] == system) & (short["snr_db"] == snr_db)]["semantic_power"]
    best = long[(long["system"] == system) & (long["snr_db"] == snr_db) & (long["attack"] == BEST_OF)]
    return float(ours.iloc[0] / best["ruinable_power_mean"].iloc[0])


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


def _same_rise(tables: Tables, given: Plain, one: str | None, other: str | None) -> Finding | None:
    rise = [name for name, rule in given["ruined"] if rule["rise_levels"] is not None]
    table = tables["criteria"]
    rows = table[table["criterion"].isin(rise[:1]) & table["power_total_mean"].notna()].sort_values("snr_db")
    pair = [rows[rows["system"] == group].set_index("snr_db", drop=False) for group in (one, other)]
    shared = pair[0].index.intersection(pair[1].index)
    if shared.empty:
        return None
    top, bottom = (each.loc[shared.max()] for each in pair)
    value, ends = _times(top, bottom, "power_total")
    return above(f"at {top['snr_db']:g} dB", value, ends, limit=1.0)


@claim(
    "zhang2026_other_attackers",
    "Threat model",
    "Semantic transmission is harder to attack also for attackers who know less; the paper claims it for those who "
    "know everything",
    "smallest ratio over chains and levels of partial knowledge, the same on both sides, at the highest SNR; holds: "
    "its interval above 1",
    "attacker_knowledge",
)
def for_other_attackers(tables: Tables, given: Plain) -> Finding | None:
    table = tables["attacker_knowledge"]
    rows = table[(table["semantic_system"] == _noisy(given)) & table["ratio"].notna()]
    rows = rows[(rows["snr_db"] == rows["snr_db"].max()) & (rows["knowledge"] != ALL)]
    if rows.empty:
        return None
    row = rows.loc[rows["ratio"].idxmin()]
    measure = f"times the power of {row['classical_system']}, at {row['snr_db']:g} dB, knowledge: {row['knowledge']}"
    return above(measure, row["ratio"], (row["ratio_low"], row["ratio_high"]), limit=1.0)


@claim(
    "zhang2026_bound",
    "Eq. 10",
    "Lipschitz smoothness bounds the least attack power from below, closely enough to explain it",
    "median of measured ÷ certified power at the highest SNR; holds: at most 10; in direction: at most 100, that is "
    "ten times the amplitude",
    "bounds",
)
def bounded(tables: Tables, given: Plain) -> Finding | None:
    return _tightness(tables["bounds"], _noisy(given), "certified")


@claim(
    "zhang2026_ideal_bound",
    "Eq. 12",
    "The bound for a decoder that inverts the encoder",
    "as above; does not hold either where its bracket is negative, so that it promises nothing",
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
    return below("measured ÷ bound", float(row["tightness_median"]), None, limit=10.0, most=100.0)


@claim(
    "zhang2026_csi",
    "Figs. 7–9",
    "The same holds for CSI feedback over COST 2100",
    "needs the COST 2100 data, which this project does not have",
)
def csi_feedback(tables: Tables, given: Plain) -> Finding:
    return Finding(UNTESTED, "no data")
