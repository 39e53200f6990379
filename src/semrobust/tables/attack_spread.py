"""How far the least power of one attack spreads over its own random starts."""

from __future__ import annotations

import numpy as np
import pandas as pd

from semrobust.pipeline.work import Work
from semrobust.tables.attacks import bounded
from semrobust.tables.rows import by_snr
from semrobust.tables.statistics import interval, quantile
from semrobust.tables.table import COMMON, Table, bootstrap, common, samples


def make(work: Work) -> pd.DataFrame:
    """Rows (system, attack, SNR): the median least power of the recorded draw, and of the least and the most of all."""
    resamples, rows = bootstrap(work), []
    for pair, found in work.inputs("spread").items():
        system, _, attack = pair.partition(".")
        for snr_db, of_snr in by_snr(samples(found)):
            powers = np.stack([bounded(of_draw.sort_values("image")) for _, of_draw in of_snr.groupby("draw")])
            medians = [quantile(of_draw, 0.5) for of_draw in powers]
            low, high = interval(resamples(powers.shape[1]).medians(powers[0]))
            least, most = min(medians), max(medians)
            rows.append(
                common(work, system, snr_db, powers.shape[1])
                | {"attack": attack, "n_draws": len(medians), "power_total_median": medians[0]}
                | {"power_total_median_low": low, "power_total_median_high": high, "least_draw": least}
                | {"most_draw": most, "spread": most / least if least > 0 and np.isfinite(most) else np.nan}
            )
    return pd.DataFrame(rows, columns=[*COMMON, *TABLE.columns])


TABLE = Table(
    columns=(
        "attack", "n_draws", "power_total_median", "power_total_median_low", "power_total_median_high", "least_draw",
        "most_draw", "spread", "interval",
    ),
    brackets="power_total_median",
    needs=lambda params: [("spread", ".".join(pair)) for pair in params.main_pairs()],
    make=make,
    caption="""
Spread of attacks over their own random starts

One row per system, attack and SNR: median least energy ‖s‖² over
{{ params.evaluation.attack_images | number }} attacked test images of {{ dataset }}, with 95% bootstrap interval over
images; and the least and the most of this median over {{ params.evaluation.main.draws }} draws of the attack's own
random starts, the channel's noise being the same. An attack that draws nothing has no spread. Look at ``spread``, the
most over the least, beside the interval: where it is the larger of the two, the attack has not searched enough.
""",
)  # fmt: skip
