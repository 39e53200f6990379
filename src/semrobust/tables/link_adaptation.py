"""What a baseline reaches that knows the SNR: the best rung of a source codec at each SNR."""

from __future__ import annotations

from itertools import product

import pandas as pd

from semrobust.config.params import Params
from semrobust.config.settings import Plain
from semrobust.pipeline.work import Work
from semrobust.tables.adaptation import cross_fitted
from semrobust.tables.rows import emptied, status
from semrobust.tables.statistics import interval
from semrobust.tables.table import COMMON, Table, bootstrap, common, facts, samples

_SELECTION = "known SNR, highest mean PSNR on the other half of the images"


def settings(params: Params) -> Plain:
    return facts(params, params.rungs()) | {
        "order": list(params.rungs()),
        "snr_db": params.link.snr_db,
        "real_uses": params.link.real_uses,
    }


def make(work: Work) -> pd.DataFrame:
    """Rows (source codec, SNR): what a baseline reaches that knows the SNR and takes the best rung for it.

    Rungs are the baselines of one source codec (`Params.rungs`). The best has the highest mean PSNR; it is chosen on
    every other image and scored on the rest, both ways, so no image takes part in the choice that it is scored with.
    """
    resamples, given = bootstrap(work), work.settings
    rungs: dict[str, dict[str, pd.DataFrame]] = {}
    for system in given["order"]:
        measured = samples(work.input("clean", system))
        codec = given["systems"][system]["codec"]
        rungs.setdefault(codec, {})[system] = measured.sort_values(["snr_db", "image"])
    rows = []
    for source, snr_db in product(rungs, given["snr_db"]):
        groups = {name: of[of["snr_db"] == snr_db] for name, of in rungs[source].items()}
        feasible = {name: group for name, group in groups.items() if status(group) == "ok"}
        candidates = {name: group["psnr_db"].to_numpy() for name, group in (feasible or groups).items()}
        chosen = cross_fitted(candidates)
        low, high = interval(resamples(len(chosen.values)).means(chosen.values))
        row = common(work, f"{source}_adaptive", snr_db, len(chosen.values)) | {
            "source": source,
            "n_rungs": len(feasible),
            "rung_even": chosen.even,
            "rung_odd": chosen.odd,
            "status": "ok" if feasible else "infeasible",
            "psnr_db": chosen.values.mean(),
            "psnr_db_low": low,
            "psnr_db_high": high,
            "symbols_per_image": given["real_uses"] // 2,
            "selection": _SELECTION,
        }
        rows.append(emptied(row))
    return pd.DataFrame(rows, columns=[*COMMON, *TABLE.columns])


TABLE = Table(
    columns=(
        "source", "n_rungs", "rung_even", "rung_odd", "status", "psnr_db", "psnr_db_low", "psnr_db_high",
        "symbols_per_image", "selection", "interval",
    ),
    brackets="psnr_db",
    needs=lambda params: [("clean", system) for system in params.rungs()],
    settings=settings,
    make=make,
    caption="""
Best separation-based baseline at each SNR

One row per source codec and SNR: PSNR (dB) of the baseline that is best there, chosen on one half of the test images
of {{ dataset }} and scored on the other, with the baseline's name. The choice is that of an oracle that knows the SNR.
""",
)  # fmt: skip
