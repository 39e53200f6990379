"""How much power an attacker needs who knows less than everything."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd

from semrobust.config.params import Params
from semrobust.config.settings import Plain
from semrobust.pipeline.work import Work
from semrobust.tables.attacks import attacked_samples, needs
from semrobust.tables.attacks import best as best
from semrobust.tables.statistics import Values, interval
from semrobust.tables.table import COMMON, Table, bootstrap, common, facts

CHANNEL, RECEIVER, SENT, ALL = "channel", "receiver", "sent", "all"
KNOWLEDGE = {
    CHANNEL: ("random_direction", "pulse_jamming"),
    RECEIVER: ("universal",),
    SENT: ("transfer", "all_bits", "least_reliable_bits"),
}
"""Kinds of attacks by what their attacker must know, beside the channel: the receiver but not what is sent, or what is
sent (image, codeword, noise) but not how the receiver decodes it. Every other kind knows everything."""

LEVELS = (*KNOWLEDGE, ALL)

EQUAL = (CHANNEL, ALL)
"""Levels at which the attackers of both sides know the same. At the others a vector or a decoder that was learned from
the victim's receiver or data meets attacks on the chain that do without its code."""


def usable(kinds: Plain, level: str) -> list[str]:
    """Attacks of the params that an attacker of this level can run: more knowledge never hurts him."""
    if level == ALL:
        return list(kinds)
    known = {*KNOWLEDGE[CHANNEL], *KNOWLEDGE[level]}
    return [name for name, kind in kinds.items() if kind in known]


def make(work: Work) -> pd.DataFrame:
    """Rows (semantic and classical system, SNR, knowledge): mean power of the best attack of that level on each side.

    Over the images that both can send and that mid-grey in their place would ruin. Where a side has no attack of its
    own at a level, the attacker is left with what knows the channel alone. For chains `receiver` adds nothing that was
    tried: a fixed vector acts on a linear code by its signs relative to the sent ones, and of those he knows none.
    """
    given, resamples, rows = work.settings, bootstrap(work), []
    samples = attacked_samples(work)
    kinds = dict(given["kinds"])
    sides = {
        side: [name for name in given["order"] if given["systems"][name]["side"] == side]
        for side in ("semantic", "classical")
    }
    for semantic, chain, level in product(sides["semantic"], sides["classical"], LEVELS):
        if level in (RECEIVER, SENT) and not _own(kinds, samples[semantic], level):
            continue
        tried = [
            {name: samples[system][name] for name in usable(kinds, level) if name in samples[system]}
            for system in (semantic, chain)
        ]
        if not all(tried):  # the params name no attack of this level for one of them
            continue
        weakest = [best(attacks) for attacks in tried]
        for snr_db in given["snr_db"]:
            top, bottom = (
                table[table["snr_db"] == snr_db].sort_values("image").reset_index(drop=True) for table in weakest
            )
            chosen = top["ruinable"] & ~top["infeasible"] & ~bottom["infeasible"]
            over, under = (table.loc[chosen, "power_total"].to_numpy() for table in (top, bottom))
            row = common(work, f"{semantic}/{chain}", snr_db, int(chosen.sum())) | {
                "semantic_system": semantic,
                "classical_system": chain,
                "knowledge": level,
                "success_psnr_db": given["success_psnr_db"],
                "semantic_censored": int((~top.loc[chosen, "success"]).sum()),
                "classical_censored": int((~bottom.loc[chosen, "success"]).sum()),
            }
            if chosen.any():
                draws = [resamples(len(over)).means(power) for power in (over, under)]
                row |= _bracketed("semantic_power", float(over.mean()), draws[0])
                row |= _bracketed("classical_power", float(under.mean()), draws[1])
                if (draws[1] > 0).all():
                    row |= _bracketed("ratio", float(over.mean() / under.mean()), draws[0] / draws[1])
            rows.append(row)
    return pd.DataFrame(rows, columns=[*COMMON, *TABLE.columns])


def _own(kinds: Plain, attacks: dict[str, pd.DataFrame], level: str) -> bool:
    return any(kinds[name] in KNOWLEDGE[level] for name in attacks if name in kinds)


def _bracketed(name: str, value: float, draws: Values) -> dict[str, float]:
    low, high = interval(np.asarray(draws))
    return {name: value, f"{name}_low": low, f"{name}_high": high}


def settings(params: Params) -> Plain:
    systems = params.attacked()
    return facts(params, systems) | {
        "order": systems,
        "kinds": [[name, attack.kind] for name, attack in params.attacks.items()],
        "snr_db": params.link.snr_db,
        "success_psnr_db": params.evaluation.success_psnr_db,
    }


TABLE = Table(
    columns=(
        "semantic_system", "classical_system", "knowledge", "success_psnr_db", "semantic_censored",
        "classical_censored", "semantic_power", "semantic_power_low", "semantic_power_high", "classical_power",
        "classical_power_low", "classical_power_high", "ratio", "ratio_low", "ratio_high", "interval",
    ),
    brackets="ratio",
    needs=lambda params: needs(params, params.attacked()),
    settings=settings,
    make=make,
    caption="""
Attack power by what the attacker knows

One row per pair of systems, SNR and level of knowledge: mean energy ‖s‖² of the best attack of that level on each
side and their ratio, with 95% bootstrap intervals over the test images of {{ dataset }} that both can send and that
mid-grey would ruin. At the levels ``receiver`` and ``sent`` the two sides' attackers do not know the same.
""",
)  # fmt: skip
