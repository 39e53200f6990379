"""Both threats on both tasks: the least energy on the air and the least semantic noise that break each system."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product

import numpy as np
import pandas as pd

from semrobust.config.params import Params
from semrobust.config.settings import Plain
from semrobust.measure.names import split
from semrobust.pipeline.work import Work
from semrobust.tables.attacks import BEST_OF, best, bounded
from semrobust.tables.power_ratio import ratio
from semrobust.tables.rows import status
from semrobust.tables.statistics import Bootstrap, interval, quantile
from semrobust.tables.table import COMMON, Row, Table, bootstrap, common, facts, samples

POWER, PER_USE, NOISE = "power_total", "power_per_use", "noise_"
"""Measures: ‖s‖², ‖s‖²/N, and in front of the norm 255 ‖Δ‖_p."""

ALL, RIGHT = "all", "right"
"""Populations: all images, and those that a system, or both of a pair, get right when nobody attacks."""

Samples = dict[str, pd.DataFrame]
"""By attack, one row per image; the size of the attack stands in `power_total`, as tables of attacks have it."""


def _on_air(work: Work) -> Iterator[tuple[str, str, Samples]]:
    """(measure, system, samples) of attacks on the air, over the images and at the SNR of `threats`."""
    given = work.settings
    found: dict[str, Samples] = {}
    for pair, source in work.inputs("attack").items():
        system, attack = split(pair)
        rows = samples(source)
        rows = rows[(rows["snr_db"] == given["snr_db"]) & (rows["image"] < given["images"])]
        found.setdefault(system, {})[attack] = rows.sort_values("image").reset_index(drop=True)
    for system, attacks in found.items():
        uses = given["real_uses"]
        per_use = {
            name: rows.assign(power_total=rows["power_total"] / rows.get("real_uses", uses))
            for name, rows in attacks.items()
        }
        yield POWER, system, attacks
        yield PER_USE, system, per_use


def _noise(work: Work) -> Iterator[tuple[str, str, Samples]]:
    """The same of semantic noise, by its norm."""
    for system, source in work.inputs("least_noise").items():
        rows = samples(source).rename(columns={"level": "power_total"})
        rows = rows.assign(snr_db=work.settings["snr_db"], infeasible=False)
        for norm, of_norm in rows.groupby("norm", sort=False):
            noise = {str(name): of.reset_index(drop=True) for name, of in of_norm.groupby("noise", sort=False)}
            yield f"{NOISE}{norm}", system, noise


def make(work: Work) -> pd.DataFrame:
    """Rows (measure, system, attack, population), and for each pair of systems of one task the ratio of medians.

    Ratios are between the best attacks on both sides, image by image. The size of a pair's row is empty, and so is the
    ratio of a system's.
    """
    given, resamples, rows = work.settings, bootstrap(work), []
    found: dict[str, dict[str, Samples]] = {}
    for measure, system, attacks in (*_on_air(work), *_noise(work)):
        found.setdefault(measure, {})[system] = attacks | {BEST_OF: best(attacks)}
    for measure, systems in found.items():
        shared = {"measure": measure}
        for system, attacks in systems.items():
            right = _right(attacks[BEST_OF])
            populations = ((ALL, np.ones_like(right)), (RIGHT, right))
            for attack, table in attacks.items():
                about = shared | {"task": given["tasks"][system], "attack": attack, "status": status(table)}
                for population, chosen in populations if attack == BEST_OF else populations[1:]:
                    group = table[chosen]
                    row = common(work, system, given["snr_db"], len(group)) | about | {"population": population}
                    rows.append(row | _size(group, resamples))
        for semantic, classical in product(systems, systems):
            sides = [given["systems"][name]["side"] for name in (semantic, classical)]
            if sides != ["semantic", "classical"] or given["tasks"][semantic] != given["tasks"][classical]:
                continue
            top, bottom = (systems[name][BEST_OF] for name in (semantic, classical))
            both = _right(top) & _right(bottom)
            for population, chosen in ((ALL, np.ones_like(both)), (RIGHT, both)):
                row = common(work, f"{semantic}/{classical}", given["snr_db"], int(chosen.sum())) | shared
                row |= {"task": given["tasks"][semantic], "attack": BEST_OF, "population": population, "status": "ok"}
                row |= {"semantic_system": semantic, "classical_system": classical}
                rows.append(row | ratio(top[chosen], bottom[chosen], "median", resamples))
    return pd.DataFrame(rows, columns=[*COMMON, *TABLE.columns])


def _right(table: pd.DataFrame) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Images that need some attack."""
    return np.asarray(~(table["success"] & (table["power_total"] == 0)), dtype=np.bool_)


def _size(group: pd.DataFrame, resamples: Callable[[int], Bootstrap]) -> Row:
    """Median size of the attack with its interval; empty without an image."""
    row: Row = {"n_censored": int((~group["success"]).sum())}
    if not len(group):
        return row
    sizes = bounded(group)
    low, high = interval(resamples(len(group)).medians(sizes))
    row |= {"success_rate": group["success"].mean(), "vanished_rate": group["vanished"].mean()}
    return row | {"size_median": quantile(sizes, 0.5), "size_median_low": low, "size_median_high": high}


def settings(params: Params) -> Plain:
    systems = params.threatened()
    return facts(params, systems) | {
        "tasks": {name: params.task(name) for name in systems},
        "images": params.threat_images(),
        "snr_db": params.threat_snr_db(),
        "real_uses": params.link.real_uses,
    }


def needs(params: Params) -> list[tuple[str, str]]:
    shown = set(params.threatened("image"))
    pairs = [pair for pair in params.pairs() if pair[0] in shown] + params.named_pairs()
    return [("attack", ".".join(pair)) for pair in pairs] + [("least_noise", name) for name in params.threatened()]


TABLE = Table(
    columns=(
        "measure", "task", "attack", "semantic_system", "classical_system", "population", "status", "success_rate",
        "n_censored", "vanished_rate", "size_median", "size_median_low", "size_median_high", "ratio", "ratio_low",
        "ratio_high", "interval",
    ),
    brackets="size_median",
    needs=needs,
    settings=settings,
    make=make,
    caption="""
Both threats on both tasks

One row per measure, system, attack and population, and per pair of systems of one task: the median least size of an
attack over {{ [params.threats.images, params.evaluation.attack_images] | min | number }} test images of
{{ dataset }} near {{ params.threats.snr_db | number }} dB, with 95% bootstrap intervals, and ratios semantic ÷
classical, paired. ``power_total`` and ``power_per_use``: energy ‖s‖² on the air and ‖s‖²/N; ``noise_linf`` and
``noise_l2``: norm of semantic noise in levels, 255 ‖Δ‖. An attack succeeds at a PSNR of
{{ params.evaluation.success_psnr_db | number }} dB or less against the clean original, or where the image is
misclassified. The images are those that a system, or both of
a pair, get ``right`` when nobody attacks; of the best attacks stand ``all`` beside them, with 0 for the others.
""",
)  # fmt: skip
