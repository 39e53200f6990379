"""What tables of attack power under several criteria of success share, over images and trainings from other seeds."""

from __future__ import annotations

import numpy as np
import pandas as pd

from semrobust.config.params import Params
from semrobust.config.settings import Plain
from semrobust.pipeline.select import without
from semrobust.pipeline.work import Work
from semrobust.tables.attacks import best, bounded
from semrobust.tables.statistics import SeedBootstrap, Values, quantile
from semrobust.tables.table import samples as samples

INTERVALS = {False: "bootstrap over images, 95%", True: "bootstrap over trainings and images, 95%"}


def settings(params: Params) -> Plain:
    """The trainings, that is systems with equal settings together, the SNRs and the criteria, in their order."""
    broken = params.section("criteria", "broken")
    return {
        "trainings": [[name, systems] for name, systems in params.trainings().items()],
        "snr_db": params.criteria.snr_db,
        "broken": [[name, without(rule, "label")] for name, rule in broken.items()],
    }


def by_system(work: Work) -> dict[str, pd.DataFrame]:
    """By system the cheapest of its attacks for each SNR, criterion and image."""
    found = {}
    for system, measured in work.inputs("criteria").items():
        table = samples(measured)
        of_criteria = {
            criterion: best({str(attack): rows for attack, rows in of.groupby("attack")})
            for criterion, of in table.groupby("criterion")
        }
        found[system] = pd.concat(of_criteria.values(), ignore_index=True)
    return found


def chosen(samples: pd.DataFrame, criterion: str, snr_db: float) -> pd.DataFrame:
    rows = samples[(samples["criterion"] == criterion) & (samples["snr_db"] == snr_db)]
    return rows.sort_values("image").reset_index(drop=True)


def stacked(groups: list[pd.DataFrame], column: str) -> Values:
    """Values (trainings, images)."""
    return np.stack([group[column].to_numpy(dtype=np.float64) for group in groups])


def medians(groups: list[pd.DataFrame], resamples: SeedBootstrap) -> tuple[float, Values]:
    """Mean over trainings of the median least power over images, and the same of each resample; ∞ if censored."""
    powers = np.stack([bounded(group) for group in groups])
    return float(np.mean([quantile(of_training, 0.5) for of_training in powers])), resamples.medians(powers)


def resampled(work: Work, groups: list[pd.DataFrame]) -> SeedBootstrap:
    return SeedBootstrap(len(groups), len(groups[0]), work.settings["bootstrap_samples"], work.seed)
