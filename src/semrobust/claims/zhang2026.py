"""What zhang2026 claims of least attack powers, against a run's tables; of trainings and theory in the files beside."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pandas as pd

from semrobust.claims.claim import Finding, Tables, above, below, claim, share, verdict
from semrobust.claims.points import MEDIAN, POINTS, at_work, noisy, of_kind, ratios, trained
from semrobust.config.settings import CHANNEL, RECEIVER, SENT, TRAFFIC, Plain
from semrobust.pipeline.verdicts import FAILS, INCONCLUSIVE
from semrobust.tables.attacks import BEST_OF

CLAIMED = (14.0, 16.0)
"""The headline: "up to 14–16×"."""

_MINIMAL = 1.05  # an attack within 5% of the cheapest is as good as minimal
_HEADLINE = (
    f"ratio of medians, largest {POINTS} (a maximum over SNR; zhang2026_fig_ratio shows all), of the separation-based "
    "baseline where that is smallest; in direction: the intervals at all of them above 1; holds: the largest meets "
    "14–16, too; does not hold: one of them reaches no higher than 1"
)


def _largest(rows: pd.DataFrame) -> Finding | None:
    """The headline over these points (baseline, SNR)."""
    if rows.empty:
        return None
    row = rows.sort_values("ratio").drop_duplicates("classical_system", keep="last").iloc[0]
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
    return _largest(ratios(tables, given, noisy(given)))


@claim(
    "zhang2026_headline_own_attacks",
    "Abstract",
    "The same under the paper's own attacks, PGA and the vulnerable set",
    f"{_HEADLINE}; baselines that no study changes",
    "power_ratio",
    "clean",
    stated="14–16×",
)
def with_its_own_attacks(tables: Tables, given: Plain) -> Finding | None:
    attacks = (of_kind(given, "pga")[:1], of_kind(given, "vulnerable_set"))
    return _largest(ratios(tables, given, noisy(given), attacks))


@claim(
    "zhang2026_headline_trainings",
    "Abstract",
    "The same over several trainings of the semantic side, at equal criteria on both sides",
    "ratio of medians from `criteria_ratio` at the paper's D*, at the highest SNR at which both work, of the "
    "separation-based baseline where it is smallest; verdicts as in the headline; inconclusive instead of in favour "
    f"where its short search needs over {_MINIMAL - 1:.0%} more power than the cheapest attack of `attack_power` on "
    "the same network",
    "criteria_ratio",
    "attack_power",
    "clean",
    stated="14–16×",
)
def over_trainings(tables: Tables, given: Plain) -> Finding | None:
    group = trained(given, noise=True, several=True)
    usual = given["success_psnr_db"]
    criterion = next((name for name, rule in given["broken"] if rule["psnr_db"] == usual), None)
    table = tables["criteria_ratio"]
    rows = table[(table["semantic_system"] == group) & (table["criterion"] == criterion) & table["ratio"].notna()]
    rows = at_work(rows, tables, given, "semantic_system", "classical_system")
    if rows.empty:
        return None
    rows = rows[rows["snr_db"] == rows["snr_db"].max()]
    row = rows.sort_values("ratio").iloc[0]
    weak = _search(table[table["criterion"] == criterion], tables["attack_power"], noisy(given), row["snr_db"])
    measure = f"times the power of {row['classical_system']}, at {row['snr_db']:g} dB, {row['n_seeds']:g} trainings"
    measure += f", by a search that needs {weak:.2f} times the least known"
    found = _claimed(measure, row, rows["ratio_low"], rows["ratio_high"])
    # a search that finds too much on the semantic side can refute the claim, and not support it
    return found if weak <= _MINIMAL or found.verdict == FAILS else replace(found, verdict=INCONCLUSIVE)


def _search(short: pd.DataFrame, long: pd.DataFrame, system: str | None, snr_db: float) -> float:
    """Power that the search of `criteria_ratio` needs over that of the cheapest attack, on the same network."""
    ours = short[(short["semantic_system"] == system) & (short["snr_db"] == snr_db)]["semantic_power"]
    best = long[(long["system"] == system) & (long["snr_db"] == snr_db) & (long["attack"] == BEST_OF)]
    return float(ours.iloc[0] / best[MEDIAN].iloc[0])


@claim(
    "zhang2026_more_robust",
    "Abstract",
    "Semantic transmission can exceed the robustness of separate source and channel coding",
    f"share of points (baseline, SNR) at which it does, of all attacked separation-based baselines {POINTS}, ratio of "
    "medians, cheapest attacks; holds: the interval above 1 at all of them; in direction: at over half",
    "power_ratio",
    "clean",
)
def more_robust(tables: Tables, given: Plain) -> Finding | None:
    rows = ratios(tables, given, noisy(given))
    return share(
        f"share of points, {rows['classical_system'].nunique()} baselines", rows["ratio_low"], rows["ratio_high"], 1
    )


@claim(
    "zhang2026_pga_minimal",
    "Abstract",
    "Progressive gradient ascent finds perturbations of minimum power",
    "its median power over that of the cheapest attack on the same images, largest over the SNRs at which the system "
    f"works; holds: its interval at most {_MINIMAL:g}",
    "attack_power",
    "clean",
)
def pga_is_minimal(tables: Tables, given: Plain) -> Finding | None:
    return _over_best(tables, given, noisy(given), of_kind(given, "pga")[-1:], "PGA (refined)")


@claim(
    "zhang2026_vulnerable_set_minimal",
    "Abstract",
    "The vulnerable set attack induces decoding failure with minimal energy",
    "its median power over that of the cheapest attack on the same images, at the highest SNR at which the baseline "
    f"works, largest over separation-based baselines; holds: its interval at most {_MINIMAL:g}",
    "attack_power",
    "clean",
)
def sets_are_minimal(tables: Tables, given: Plain) -> Finding | None:
    chains = [name for name, system in given["attacked"] if system["side"] == "classical"]
    sets = of_kind(given, "vulnerable_set")
    found = [_over_best(tables, given, name, sets, name, last=True) for name in chains]
    return max((one for one in found if one is not None), key=lambda one: one.value, default=None)


def _over_best(
    tables: Tables, given: Plain, system: str | None, attacks: list[str], label: str, last: bool = False
) -> Finding | None:
    """How much cheaper than this attack another one is, over the same images."""
    table = tables["attack_power"]
    rows = at_work(table[(table["system"] == system) & table["over_best"].notna()], tables, given, "system")
    attack = next((name for name in attacks if name in set(rows["attack"])), None)
    if attack is None:
        return None
    rows = rows[rows["attack"] == attack].sort_values("snr_db" if last else "over_best")
    value, *ends = (float(rows[column].iloc[-1]) for column in ("over_best", "over_best_low", "over_best_high"))
    return below(f"power of {label} ÷ cheapest", value, (ends[0], ends[1]), limit=_MINIMAL)


_KNOWS = {
    CHANNEL: "the channel alone",
    RECEIVER: "the receiver, not what is sent",
    SENT: "what is sent, not the receiver",
    TRAFFIC: "what is sent and past traffic, and so the code or a decoder of his own",
}


def _knowing(level: str, tables: Tables, given: Plain) -> Finding | None:
    table = tables["attacker_knowledge"]
    rows = table[(table["semantic_system"] == noisy(given)) & (table["knowledge"] == level) & table["ratio"].notna()]
    rows = at_work(rows, tables, given, "semantic_system", "classical_system")
    if rows.empty:
        return None
    row = rows.sort_values("ratio").iloc[0]
    measure = f"times the power of {row['classical_system']}, at {row['snr_db']:g} dB"
    return above(measure, row["ratio"], (row["ratio_low"], row["ratio_high"]), limit=1.0)


for _level, _words in _KNOWS.items():
    claim(
        f"zhang2026_attacker_knows_{_level}",
        "Threat model",
        f"Semantic transmission is harder to attack also for an attacker who knows {_words}; the paper claims it for "
        "those who know everything",
        f"ratio of medians, smallest over separation-based baselines {POINTS}; holds: its interval above 1",
        "attacker_knowledge",
        "clean",
    )(partial(_knowing, _level))
