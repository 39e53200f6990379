"""Attack power of semantic over that of classical systems."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import product

import numpy as np
import pandas as pd

from semrobust.config.params import Params
from semrobust.config.roles import PAPER_ATTACKS
from semrobust.config.settings import Plain
from semrobust.pipeline.work import Work
from semrobust.tables.attacks import BEST_OF, attacked_samples, bounded, needs, paired
from semrobust.tables.rows import by_snr, emptied, status
from semrobust.tables.statistics import Bootstrap, Values, interval, quantile
from semrobust.tables.table import Row, Table, bootstrap, common, facts

Attacked = Mapping[str, Mapping[str, pd.DataFrame]]
"""Per-image results by system and attack, as `tables.attacks.attacked_samples` gives them."""

_SHOWN = (("all", "median"), ("all", "mean"), ("breakable", "mean"), ("breakable", "median"))


def settings(params: Params) -> Plain:
    said = {"success_psnr_db": params.evaluation.success_psnr_db, "of_paper": of_paper(params)}
    return facts(params, params.compared()) | said


def of_paper(params: Params) -> list[str]:
    """The attacks that the paper names, by what they are."""
    return [name for name, attack in params.attacks.items() if attack.kind in PAPER_ATTACKS]


def make(work: Work) -> pd.DataFrame:
    """Rows (semantic and classical system, pair of attacks, SNR, population, statistic): power semantic ÷ classical.

    The attacks are `best_of` on both sides, the best one per image; between main systems also the same attack on both,
    and those that the paper names, one on each. Of all attacked images the ratio of medians, which is what claims are
    judged by; a median that falls on censored images is infinite. For `best_of` between main systems three more stand
    beside it: of means (`statistic`), and over the `breakable` images alone (`population`), which both sides can send
    and mid-grey in their place counts as broken. Of `all` images there is no ratio of means where one is censored; of
    `breakable` ones these count with the largest power tried, so it is only a bound.
    """
    about = {"success_psnr_db": work.settings["success_psnr_db"]}
    return pd.DataFrame(ratios(work, attacked_samples(work), about))


def ratios(work: Work, attacked: Attacked, about: Row) -> Iterator[Row]:
    """The rows of `make` for some systems, with what else is said `about` all of them."""
    given, resamples = work.settings, bootstrap(work)
    sides = {
        side: [name for name in attacked if given["systems"][name]["side"] == side]
        for side in ("semantic", "classical")
    }
    studied = {name for name in attacked if given["systems"][name]["study"] is not None}
    paper = set(given["of_paper"])
    for semantic, classical in product(sides["semantic"], sides["classical"]):
        main = not studied & {semantic, classical}
        for above, below in product(attacked[semantic], attacked[classical]):
            if not (above == below == BEST_OF or (main and (above == below or {above, below} <= paper))):
                continue
            bottoms = dict(by_snr(attacked[classical][below]))
            for snr_db, tops in by_snr(attacked[semantic][above]):
                top, bottom = paired(tops, bottoms[snr_db])
                shared = common(work, f"{semantic}/{classical}", snr_db, len(top)) | {
                    "semantic_system": semantic,
                    "classical_system": classical,
                    "semantic_attack": above,
                    "classical_attack": below,
                    **about,
                    "status": "infeasible" if "infeasible" in (status(top), status(bottom)) else "ok",
                }
                for population, statistic in _SHOWN if main and above == BEST_OF else _SHOWN[:1]:
                    chosen = np.ones(len(top), dtype=bool)
                    if population == "breakable":
                        sent = ~top["infeasible"].to_numpy() & ~bottom["infeasible"].to_numpy()
                        chosen = top["breakable"].to_numpy() & sent
                    row = shared | {"population": population, "statistic": statistic, "n_images": int(chosen.sum())}
                    row |= ratio(top[chosen], bottom[chosen], statistic, resamples)
                    if (population, statistic) == ("all", "mean") and row["n_censored"]:
                        row |= {"ratio": np.nan, "ratio_low": np.nan, "ratio_high": np.nan}
                    yield emptied(row)


def ratio(top: pd.DataFrame, bottom: pd.DataFrame, statistic: str, resamples: Callable[[int], Bootstrap]) -> Row:
    """Ratio of a statistic with its paired bootstrap interval; empty where neither side needs any power."""
    if not len(top):
        return {"ratio": np.nan, "ratio_low": np.nan, "ratio_high": np.nan, "n_censored": 0}
    bootstrap = resamples(len(top))

    def both(table: pd.DataFrame) -> tuple[float, Values]:
        power = table["power_total"].to_numpy()
        if statistic == "mean":
            return float(power.mean()), bootstrap.means(power)
        power = bounded(table)
        return quantile(power, 0.5), bootstrap.medians(power)

    (over, over_draws), (under, under_draws) = both(top), both(bottom)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio, draws = np.divide(over, under), np.divide(over_draws, under_draws)
    low, high = (np.nan, np.nan) if np.isnan(draws).any() or np.isnan(ratio) else interval(draws)
    censored = int((~top["success"]).sum() + (~bottom["success"]).sum())
    return {"ratio": ratio if low == low else np.nan, "ratio_low": low, "ratio_high": high, "n_censored": censored}


TABLE = Table(
    columns=(
        "semantic_system", "classical_system", "semantic_attack", "classical_attack", "population", "statistic",
        "success_psnr_db", "status", "n_censored", "ratio", "ratio_low", "ratio_high", "interval",
    ),
    brackets="ratio",
    needs=lambda params: needs(params, params.compared()),
    settings=settings,
    make=make,
    caption="""
Ratio of least attack powers, semantic ÷ classical

One row per pair of systems, SNR, attacks, population of images and statistic, with paired 95% bootstrap intervals;
``best_of``: each side under its best attack on each image. ``all``: the
{{ attacked }} attacked test images of {{ dataset }}; ``breakable``: those that both can
send and that mid-grey in their place would break. Above 1 the semantic system is harder to break. Every attacked system
takes part that the params do not leave out.
""",
)  # fmt: skip
