"""How often receivers name the right class."""

from __future__ import annotations

from typing import cast

import pandas as pd

from semrobust.config.settings import LEVELS
from semrobust.pipeline.work import Work
from semrobust.tables.classified import accuracy, classified
from semrobust.tables.table import COMMON, Table, common


def make(work: Work) -> pd.DataFrame:
    """Rows (system, channel, SNR, attack, ε, source): the share classified correctly, with a Wilson interval."""
    rows = []
    for system, table in classified(work):
        keys = ["channel", "snr_db", "attack", "norm", "level", "source"]
        for key, group in table.groupby(keys, sort=False, dropna=False):
            channel, snr_db, attack, norm, level, source = cast("tuple[str, float, str, str, float, str]", key)
            rows.append(
                common(work, system, snr_db, len(group), channel)
                | {"attack": attack, "norm": norm, "semantic_noise_eps": level / LEVELS, "source": source}
                | accuracy(group["right"].to_numpy(bool))
            )
    return pd.DataFrame(rows, columns=[*COMMON, *TABLE.columns])


TABLE = Table(
    columns=(
        "attack", "norm", "semantic_noise_eps", "source", "accuracy", "accuracy_low", "accuracy_high", "interval",
    ),
    brackets="accuracy",
    needs=lambda params: [("accuracy", system) for system in params.of_task("class")],
    make=make,
    caption="""
Accuracy of classifying systems

One row per system, channel, SNR, semantic noise and its source: share of {{ params.recognition.images | number }}
test images of {{ dataset }} classified correctly, Wilson 95% interval.
""",
)  # fmt: skip
