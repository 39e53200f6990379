"""What tables of theory share: per system and SNR, what theory says of each image and the best attack on it."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from semrobust.config.params import Params
from semrobust.pipeline.step import Need
from semrobust.pipeline.work import Work
from semrobust.tables import attacks
from semrobust.tables.attacks import BEST_OF, attacked_samples, paired
from semrobust.tables.table import samples


def needs(params: Params) -> list[Need]:
    systems = params.attacked()
    return [*(("theory", system) for system in systems), *attacks.needs(params, systems)]


def groups(work: Work) -> Iterator[tuple[str, float, pd.DataFrame, pd.DataFrame]]:
    """Per system and SNR: what theory says of each image, and the best attack on it, image by image."""
    attacked = attacked_samples(work)
    for system, found in work.inputs("theory").items():
        limits, weakest = samples(found), attacked[system][BEST_OF]
        for snr_db in work.settings["snr_db"]:
            both = paired(*(table[table["snr_db"] == snr_db] for table in (limits, weakest)))
            yield system, snr_db, *both
