"""What each system is worth without an attack against what an attack on it needs, and who is on its side's front."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pandas as pd

from semrobust.config.params import Params
from semrobust.config.roles import PAPER_ATTACKS
from semrobust.config.settings import Plain
from semrobust.pipeline.step import Need
from semrobust.pipeline.work import Work
from semrobust.tables import attacks
from semrobust.tables.attacks import best, bounded
from semrobust.tables.clean import lost
from semrobust.tables.rows import at_snr, status
from semrobust.tables.statistics import Bootstrap, Values, interval, quantile
from semrobust.tables.table import COMMON, Row, Table, bootstrap, common, facts, samples


def make(work: Work) -> pd.DataFrame:
    """Rows (system, SNR): clean PSNR, least power, what certificates and the paper's attacks say, and the front."""
    resamples, rows = bootstrap(work), []
    for snr_db in work.settings["snr_db"]:
        at_snr = [_row(work, system, snr_db, resamples) for system in work.settings["systems"]]
        for side in dict.fromkeys(row["side"] for row, _, _ in at_snr):
            of_side = [one for one in at_snr if one[0]["side"] == side and one[0]["works"]]
            if of_side:
                psnr = np.array([[row["psnr_db"], *draws] for row, draws, _ in of_side])
                power = np.array([[row["power_total_median"], *draws] for row, _, draws in of_side])
                fronts = on_front(psnr, power)
                for (row, _, _), on in zip(of_side, fronts, strict=True):
                    row |= {"on_front": bool(on[0]), "front_rate": on[1:].mean()}
        rows += [row for row, _, _ in at_snr]
    return pd.DataFrame(rows, columns=[*COMMON, *TABLE.columns])


def on_front(psnr: Values, power: Values) -> npt.NDArray[np.bool_]:
    """Who is not dominated, both (systems, cases): no other is at least as good in both and better in one."""
    better = (psnr[None] >= psnr[:, None]) & (power[None] >= power[:, None])
    better &= (psnr[None] > psnr[:, None]) | (power[None] > power[:, None])
    return np.logical_not(better.any(axis=1))


def _row(work: Work, system: str, snr_db: float, resamples: Callable[[int], Bootstrap]) -> tuple[Row, Values, Values]:
    """A row without its front, and resampled clean PSNR and least power."""
    given = work.settings
    sent = at_snr(samples(work.input("clean", system)), snr_db)
    tried = {
        attack: at_snr(samples(work.input("attack", f"{system}.{attack}")), snr_db).assign(attack=attack)
        for attack in given["attacks"][system]
    }
    weakest = best(tried)
    psnr, power = sent["psnr_db"].to_numpy(), bounded(weakest)
    psnr_draws, power_draws = resamples(len(psnr)).means(psnr), resamples(len(power)).medians(power)
    middle, found = quantile(power, 0.5), status(sent)
    paper = next((name for name in tried if given["kinds"][name] in PAPER_ATTACKS), None)
    lost_rate = lost(sent, given["success_psnr_db"]).mean()
    row = common(work, system, snr_db, len(power)) | {
        "side": given["systems"][system]["side"],
        "status": found,
        "lost_rate": lost_rate,
        # a least power is known where half of the images are broken
        "works": bool(found == "ok" and lost_rate <= given["most_lost"] and np.isfinite(middle)),
        "attack": weakest.loc[weakest["success"], "attack"].mode().iloc[0] if weakest["success"].any() else "",
        "paper_attack": paper or "",
        "paper_power": np.nan if paper is None else quantile(bounded(tried[paper]), 0.5),
        "on_front": False,
        "front_rate": 0.0,
        **_certified(work, system, snr_db),
    }
    if found == "ok":
        row |= dict(zip(("psnr_db", "psnr_db_low", "psnr_db_high"), (psnr.mean(), *interval(psnr_draws)), strict=True))
        low, high = interval(power_draws)
        row |= {"power_total_median": middle, "power_total_median_low": low, "power_total_median_high": high}
    return row, psnr_draws, power_draws


def _certified(work: Work, system: str, snr_db: float) -> Row:
    """Median of the certificates of single images, where there are any."""
    known = work.inputs("certificate")
    powers = at_snr(samples(known[system]), snr_db)["certified_power"] if system in known else pd.Series(dtype=float)
    powers = powers.dropna()
    return {
        "certified_images": len(powers),
        "certified_power": quantile(powers.to_numpy(), 0.5) if len(powers) else np.nan,
    }


def needs(params: Params) -> list[Need]:
    systems = params.compared()
    certified = [("certificate", name) for name in params.networks()]
    return [*(("clean", name) for name in systems), *attacks.needs(params, systems), *certified]


def settings(params: Params) -> Plain:
    systems = params.compared()
    return facts(params, systems) | {
        "attacks": {system: [attack for of, attack in params.pairs() if of == system] for system in systems},
        "kinds": {name: attack.kind for name, attack in params.attacks.items()},
        "snr_db": params.frontier_snr_db(),
        "success_psnr_db": params.evaluation.success_psnr_db,
        "most_lost": params.evaluation.most_lost,
    }


TABLE = Table(
    columns=(
        "side", "status", "lost_rate", "works", "psnr_db", "psnr_db_low", "psnr_db_high", "attack",
        "power_total_median", "power_total_median_low", "power_total_median_high", "certified_power",
        "certified_images", "paper_attack", "paper_power", "on_front", "front_rate", "interval",
    ),
    brackets="power_total_median",
    needs=needs,
    settings=settings,
    make=make,
    caption="""
Quality without an attack against least attack power

One row per system of the headline and SNR: clean PSNR (dB, all test images of {{ dataset }}), median least energy
‖s‖² over {{ attacked }} attacked images with the attack that is cheapest on most of
them, both with 95% bootstrap intervals; median certified power, over the images that have a certificate; median power
of the paper's own attack; and whether the system is on the front of its side, which no other that works dominates in
both, with the share of resamples in which it is.
""",
)  # fmt: skip
