"""What tables of channel states share: who sends them in which form, and under which criteria they are broken."""

from __future__ import annotations

import numpy as np

from semrobust.config.params import Params
from semrobust.config.settings import Plain
from semrobust.tables.statistics import Bootstrap, Values, interval
from semrobust.tables.table import Row, facts


def about(params: Params, systems: list[str], *keys: str) -> Plain:
    """What a table says of systems: their dataset and forms, and of `keys` their N (`uses`), their side and study
    (`systems`), and the criteria of success in their order."""
    forms = params.forms()
    found = facts(params, systems) | {
        "dataset": params.csi.source,
        "forms": {name: forms[name] for name in systems},
        "uses": {name: params.link_of(name).real_uses for name in systems},
        "criteria": list(params.csi.broken),
    }
    return {key: value for key, value in found.items() if key in ("dataset", "forms", *keys)}


def db(ratio: Values | float) -> Values:
    """A ratio of energies in dB; 0 counts as -120 dB."""
    return np.asarray(10.0 * np.log10(np.maximum(ratio, 1e-12)))


def in_db(stem: str, ratios: Values, resamples: Bootstrap) -> Row:
    """`stem`_db with its interval: the mean of ratios over samples, in dB."""
    low, high = interval(resamples.means(ratios))
    return {
        f"{stem}_db": float(db(ratios.mean())),
        f"{stem}_db_low": float(db(low)),
        f"{stem}_db_high": float(db(high)),
    }
