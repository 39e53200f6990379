"""How much power an attacker needs who knows less than everything."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd

from semrobust.config.params import Params
from semrobust.config.registry import ATTACKS
from semrobust.config.settings import ALL, CHANNEL, KNOWLEDGE, RECEIVER, SENT, TRAFFIC, Plain
from semrobust.pipeline.step import Need
from semrobust.pipeline.work import Work
from semrobust.tables.attacks import attacked_samples, best, bounded, needs, paired
from semrobust.tables.statistics import Values, interval, quantile
from semrobust.tables.table import COMMON, Table, bootstrap, common, facts, samples

_WITH = {
    CHANNEL: {CHANNEL},
    RECEIVER: {CHANNEL, RECEIVER},
    SENT: {CHANNEL, SENT},
    TRAFFIC: {CHANNEL, SENT, TRAFFIC},
    ALL: {*KNOWLEDGE},
}
"""What an attacker of each level can do: more knowledge never hurts him."""


def usable(knows: Plain, level: str, recovered: bool) -> list[str]:
    """Attacks of the params, by what they must know, that an attacker of this level can run.

    Where he has not `recovered` the code, traffic taught him nothing.
    """
    known = _WITH[level] - (set() if recovered or level == ALL else {TRAFFIC})
    return [name for name, needed in knows.items() if needed in known]


def make(work: Work) -> pd.DataFrame:
    """Rows (semantic and classical system, SNR, knowledge): median power of the best attack of that level on each side.

    Over all attacked images; ∞ where over half of them withstand, and no ratio then. Attackers of both sides know the
    same. Where a side has no attack of its own at a level, the attacker is left with what knows less. For baselines
    `receiver` adds nothing: a fixed vector acts on a linear code by its signs relative to the sent ones, and of those
    he knows none.
    """
    given, resamples, rows = work.settings, bootstrap(work), []
    attacked = attacked_samples(work)
    knows = dict(given["knows"])
    traffic = {name: bool(samples(found)["recovered"].all()) for name, found in work.inputs("recovery").items()}
    sides = {
        side: [name for name in given["order"] if given["systems"][name]["side"] == side]
        for side in ("semantic", "classical")
    }
    for semantic, chain, level in product(sides["semantic"], sides["classical"], KNOWLEDGE):
        if level not in (CHANNEL, ALL) and not any(knows.get(name) == level for name in attacked[semantic]):
            continue
        recovered = traffic.get(given["codes"].get(chain), False)
        tried = [
            {name: attacked[system][name] for name in usable(knows, level, told) if name in attacked[system]}
            for system, told in ((semantic, True), (chain, recovered))
        ]
        if not all(tried):  # the params name no attack of this level for one of them
            continue
        weakest = [best(attacks) for attacks in tried]
        for snr_db in given["snr_db"]:
            top, bottom = paired(*(table[table["snr_db"] == snr_db] for table in weakest))
            over, under = bounded(top), bounded(bottom)
            row = common(work, f"{semantic}/{chain}", snr_db, len(over)) | {
                "semantic_system": semantic,
                "classical_system": chain,
                "knowledge": level,
                "success_psnr_db": given["success_psnr_db"],
                "semantic_censored": int((~top["success"]).sum()),
                "classical_censored": int((~bottom["success"]).sum()),
            }
            draws = [resamples(len(over)).medians(power) for power in (over, under)]
            middles = [quantile(power, 0.5) for power in (over, under)]
            row |= _bracketed("semantic_power", middles[0], draws[0])
            row |= _bracketed("classical_power", middles[1], draws[1])
            if (draws[1] > 0).all() and np.isfinite(draws).all():
                row |= _bracketed("ratio", middles[0] / middles[1], draws[0] / draws[1])
            rows.append(row)
    return pd.DataFrame(rows, columns=[*COMMON, *TABLE.columns])


def _bracketed(name: str, value: float, draws: Values) -> dict[str, float]:
    low, high = interval(np.asarray(draws))
    return {name: value, f"{name}_low": low, f"{name}_high": high}


def _needs(params: Params) -> list[Need]:
    return needs(params, params.attacked()) + [("recovery", name) for name in dict.fromkeys(_codes(params).values())]


def _codes(params: Params) -> dict[str, str]:
    """By attacked system with a code the one that this code is recovered from."""
    coded = [name for name in params.attacked() if params.systems[name].code_identity(params.link) is not None]
    return {name: params.same_code(name) for name in coded}


def settings(params: Params) -> Plain:
    systems = params.attacked()
    return facts(params, systems) | {
        "order": systems,
        "knows": [[name, ATTACKS[attack.kind].knows] for name, attack in params.attacks.items()],
        "codes": _codes(params),
        "snr_db": params.attack_snr_db(),
        "success_psnr_db": params.evaluation.success_psnr_db,
    }


TABLE = Table(
    columns=(
        "semantic_system", "classical_system", "knowledge", "success_psnr_db", "semantic_censored",
        "classical_censored", "semantic_power", "semantic_power_low", "semantic_power_high", "classical_power",
        "classical_power_low", "classical_power_high", "ratio", "ratio_low", "ratio_high", "interval",
    ),
    brackets="ratio",
    needs=_needs,
    settings=settings,
    make=make,
    caption="""
Attack power by what the attacker knows

One row per pair of systems, SNR and level of knowledge: median energy ‖s‖² of the best attack of that level on each
side and their ratio, with 95% bootstrap intervals over the attacked test images of {{ dataset }}. Attackers of both
sides know the same: the channel, and beside it the receiver; or what is sent; or that and past traffic, from which a
decoder is trained or the code recovered; or all.
""",
)  # fmt: skip
