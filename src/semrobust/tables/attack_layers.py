"""Where in the decoder an attack acts: how far it reaches layer by layer, beside a random vector of the same norm."""

from __future__ import annotations

import pandas as pd

from semrobust.pipeline.work import Work
from semrobust.tables.rows import by_snr
from semrobust.tables.statistics import interval, quantile
from semrobust.tables.table import COMMON, Table, bootstrap, common, samples


def make(work: Work) -> pd.DataFrame:
    """Rows (system, SNR, layer): median relative change of the layer's output, and attack over random."""
    resamples, epochs, rows = bootstrap(work), dict(work.settings["lengths"]), []
    for system, found in work.inputs("layers").items():
        for snr_db, of_snr in by_snr(samples(found).dropna(subset=["attack", "random"])):
            for layer, of_layer in of_snr.sort_values("image").groupby("layer"):
                attack, random = (of_layer[column].to_numpy() for column in ("attack", "random"))
                low, high = interval(resamples(len(attack)).medians(attack / random))
                rows.append(
                    common(work, system, snr_db, len(attack))
                    | {"epochs": epochs[system], "layer": layer, "layer_kind": of_layer["layer_kind"].iloc[0]}
                    | {"attack_change": quantile(attack, 0.5), "random_change": quantile(random, 0.5)}
                    | {"over_random": quantile(attack / random, 0.5), "over_random_low": low, "over_random_high": high}
                )
    return pd.DataFrame(rows, columns=[*COMMON, *TABLE.columns])


TABLE = Table(
    columns=(
        "epochs", "layer", "layer_kind", "attack_change", "random_change", "over_random", "over_random_low",
        "over_random_high", "interval",
    ),
    brackets="over_random",
    needs=lambda params: [("layers", name) for name in params.lengths()],
    settings=lambda params: {"lengths": [[name, epochs] for name, epochs in params.lengths().items()]},
    make=make,
    caption="""
Where in the decoder an attack acts

One row per network, SNR and layer: median over attacked test images of {{ dataset }} of ‖h(y + s) − h(y)‖ ÷ ‖h(y)‖, the
relative change of the layer's output h, by the weakest successful perturbation and by a random vector of the same norm;
and their ratio, image by image, with 95% bootstrap intervals over images. Look at the layers where the ratio grows.
""",
)  # fmt: skip
