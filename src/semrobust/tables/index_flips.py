"""Share of an image's codebook indices that semantic noise changes."""

from __future__ import annotations

from typing import cast

import numpy as np
import pandas as pd

from semrobust.config.settings import LEVELS
from semrobust.measure.names import ERROR_FREE, NONE, TRANSFER
from semrobust.pipeline.work import Work
from semrobust.tables.classified import classified
from semrobust.tables.statistics import interval
from semrobust.tables.table import COMMON, Table, bootstrap, common


def make(work: Work) -> pd.DataFrame:
    """Rows (system, attack, ε): share of an image's codebook indices that semantic noise changes (hu2022, Fig. 3)."""
    resamples, rows = bootstrap(work), []
    for system, table in classified(work):
        noisy = table[(table["channel"] == ERROR_FREE) & ~table["attack"].isin([NONE, TRANSFER])]
        noisy = noisy[noisy["flips"].notna()]
        for key, group in noisy.groupby(["attack", "norm", "level"], sort=False):
            attack, norm, level = cast("tuple[str, str, float]", key)
            flips = group["flips"].to_numpy()
            low, high = interval(resamples(len(flips)).means(flips))
            rows.append(
                common(work, system, np.nan, len(group), ERROR_FREE)
                | {"attack": attack, "norm": norm, "semantic_noise_eps": level / LEVELS}
                | {"flip_rate": flips.mean(), "flip_low": low, "flip_high": high}
            )
    return pd.DataFrame(rows, columns=[*COMMON, *TABLE.columns])


TABLE = Table(
    columns=(
        "attack", "norm", "semantic_noise_eps", "flip_rate", "flip_low", "flip_high", "interval",
    ),
    brackets="flip_rate",
    needs=lambda params: [("accuracy", system) for system in params.of_task("class")],
    make=make,
    caption="""
Codebook indices that semantic noise changes

One row per system with a codebook, noise and ε: mean share of an image's indices that change, with its 95% bootstrap
interval over {{ params.recognition.images | number }} test images of {{ dataset }}.
""",
)  # fmt: skip
