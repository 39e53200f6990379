"""What zhang2026 says of why: noise in training, smoothness and bounds, against a run's tables."""

from __future__ import annotations

import pandas as pd

from semrobust.claims.claim import Finding, Tables, above, below, claim
from semrobust.claims.points import MEDIAN, POINTS, at_work, last_of_both, noiseless, noisy, times, trained
from semrobust.config.settings import Plain
from semrobust.pipeline.verdicts import FAILS
from semrobust.tables.attacks import BEST_OF


@claim(
    "zhang2026_noisy_training",
    "Abstract",
    "Training with channel noise protects against attacks",
    "median power with ÷ without noise in training, cheapest attacks, at the highest SNR at which both work; holds: "
    "the interval above 1",
    "attack_power",
    "clean",
)
def noise_protects(tables: Tables, given: Plain) -> Finding | None:
    table = tables["attack_power"]
    rows = at_work(table[table["attack"] == BEST_OF], tables, given, "system")
    pair = last_of_both(rows, noisy(given), noiseless(given))
    if pair is None:
        return None
    value, ends = times(*pair, MEDIAN)
    return above(f"ratio of powers at {pair[0]['snr_db']:g} dB", value, ends, limit=1.0)


@claim(
    "zhang2026_smooth",
    "Abstract",
    "Noise in training makes the decoder smooth",
    f"Frobenius norm of the Jacobian, medians, without ÷ with noise, smallest {POINTS}; holds: the interval above 1",
    "lipschitz",
    "clean",
)
def smooth(tables: Tables, given: Plain) -> Finding | None:
    rows = at_work(tables["lipschitz"], tables, given, "system").sort_values("snr_db")
    with_noise, without = (
        rows[rows["system"] == name].set_index("snr_db") for name in (noisy(given), noiseless(given))
    )
    shared = with_noise.index.intersection(without.index)
    if shared.empty:
        return None
    found = [times(without.loc[snr_db], with_noise.loc[snr_db], "frobenius_median") for snr_db in shared]
    value = min(ratio for ratio, _ in found)
    ends = (min(low for _, (low, _) in found), min(high for _, (_, high) in found))
    return above("ratio of Frobenius norms", value, ends, limit=1.0)


_WAYS = (
    "times the median power for the same rise of the RMSE at the highest SNR at which both work, all trainings; holds: "
    "interval above 1"
)


@claim(
    "zhang2026_not_by_margin",
    "Abstract",
    "Noise in training protects beyond the quality that there is to lose",
    f"with ÷ without noise in training, {_WAYS}",
    "criteria",
    "clean",
)
def noise_protects_beyond_margin(tables: Tables, given: Plain) -> Finding | None:
    pair = (trained(given, noise=True, several=True), trained(given, noise=False, several=True))
    return _same_rise(tables, given, *pair)


@claim(
    "zhang2026_smoothness_alone",
    "Abstract",
    "Smoothness itself protects: a penalty on the slope instead of noise does too",
    f"with slope penalty ÷ without noise, {_WAYS}",
    "criteria",
    "clean",
)
def smoothness_protects(tables: Tables, given: Plain) -> Finding | None:
    return _same_rise(tables, given, trained(given, penalty=True), trained(given, noise=False, several=True))


def _same_rise(tables: Tables, given: Plain, one: str | None, other: str | None) -> Finding | None:
    rise = [name for name, rule in given["broken"] if rule["rise_levels"] is not None]
    table = tables["criteria"]
    rows = at_work(table[table["criterion"].isin(rise[:1])], tables, given, "system")
    pair = last_of_both(rows, one, other)
    if pair is None:
        return None
    value, ends = times(*pair, MEDIAN)
    return above(f"at {pair[0]['snr_db']:g} dB", value, ends, limit=1.0)


@claim(
    "zhang2026_bound",
    "Eq. 10",
    "Lipschitz smoothness bounds the least attack power from below, closely enough to explain it",
    "median of measured ÷ certified power at the highest SNR at which the system works; holds: its "
    "interval at most 10; in direction: at most 100, that is ten times the amplitude",
    "bounds",
    "clean",
)
def bounded(tables: Tables, given: Plain) -> Finding | None:
    return _tightness(tables, given, "certified")


@claim(
    "zhang2026_ideal_bound",
    "Eq. 12",
    "The bound for a decoder that inverts the encoder",
    "as above; does not hold either where its bracket is negative, so that it promises nothing",
    "bounds",
    "clean",
)
def ideal(tables: Tables, given: Plain) -> Finding | None:
    return _tightness(tables, given, "ideal")


def _tightness(tables: Tables, given: Plain, quantity: str) -> Finding | None:
    table = tables["bounds"]
    rows: pd.DataFrame = table[(table["system"] == noisy(given)) & (table["quantity"] == quantity)]
    rows = at_work(rows, tables, given, "system").sort_values("snr_db")
    if rows.empty:
        return None
    row = rows.iloc[-1]
    if row["power_total_mean"] == 0:
        return Finding(FAILS, "promises nothing", 0.0)
    ends = (row["tightness_low"], row["tightness_high"])
    return below("measured ÷ bound", float(row["tightness_median"]), ends, limit=10.0, most=100.0)
