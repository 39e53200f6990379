"""Quality of fed back channel states without an attacker, beside what no system is needed for."""

from __future__ import annotations

import numpy as np
import pandas as pd

from semrobust.config.params import Params
from semrobust.config.settings import Plain
from semrobust.measure.names import LINEAR
from semrobust.pipeline.step import Need
from semrobust.pipeline.work import Work
from semrobust.tables.csi import about, db, in_db
from semrobust.tables.rows import by_snr
from semrobust.tables.statistics import Bootstrap, Values, interval
from semrobust.tables.table import Row, Table, bootstrap, common, samples

ANCHOR = "anchor"
"""What stands in the place of a system's side where there is none."""


def _forms(params: Params) -> dict[str, int]:
    """Forms of what the systems of a run send, with N of each."""
    return {form: params.csi.real_uses[form] for form in params.forms().values()}


def needs(params: Params) -> list[Need]:
    return [*(("clean", name) for name in params.of_task("csi")), *(("anchor", form) for form in _forms(params))]


def settings(params: Params) -> Plain:
    systems = params.of_task("csi")
    return about(params, systems, "uses", "systems") | {
        "order": systems,
        "anchored": _forms(params),
        "most_lost": params.evaluation.most_lost,
    }


def make(work: Work) -> pd.DataFrame:
    """Rows (system or anchor, SNR). `over_linear_db`: NMSE over that of the best linear code, on the same samples."""
    given, rows = work.settings, []
    anchors = {form: samples(work.input("anchor", form)) for form in given["anchored"]}
    linear = {form: dict(by_snr(table[table["anchor"] == LINEAR])) for form, table in anchors.items()}
    for name in given["order"]:
        form = given["forms"][name]
        side, uses = given["systems"][name]["side"], given["uses"][name]
        for snr_db, group in by_snr(samples(work.input("clean", name))):
            rows.append(_row(work, name, side, form, uses, snr_db, group, linear[form][snr_db]))
    for form, table in anchors.items():
        for anchor, of_anchor in table.groupby("anchor", sort=False):
            uses = given["anchored"][form] if anchor == LINEAR else None
            for snr_db, group in by_snr(of_anchor):
                rows.append(_row(work, f"{anchor}_{form}", ANCHOR, form, uses, snr_db, group, linear[form][snr_db]))
    return pd.DataFrame(rows)


def _row(
    work: Work, name: str, side: str, form: str, uses: int | None, snr_db: float, group: pd.DataFrame,
    linear: pd.DataFrame,
) -> Row:  # fmt: skip
    resamples = bootstrap(work)(len(group))
    nmse, of_linear = (table.sort_values("image")["nmse"].to_numpy(dtype=np.float64) for table in (group, linear))
    lost = group.reindex(columns=["block_error", "failed"])  # an anchor has neither, and a network no blocks
    return {
        **common(work, name, snr_db, len(group)),
        "side": side,
        "form": form,
        "real_uses": uses,
        **in_db("nmse", nmse, resamples),
        "nmse_shifted_db": float(db(group["nmse_shifted"].mean())),
        "cosine": group["cosine"].mean(),
        **_over("over_linear_db", nmse, of_linear, resamples),
        "block_error_rate": lost["block_error"].mean(),
        "decode_failure_rate": lost["failed"].mean(),
        "works": not lost["block_error"].mean() > work.settings["most_lost"],
    }


def _over(name: str, nmse: Values, linear: Values, resamples: Bootstrap) -> Row:
    """One mean NMSE over another in dB, with the interval of paired resamples."""
    low, high = interval(db(resamples.means(nmse)) - db(resamples.means(linear)))
    return {name: float(db(nmse.mean()) - db(linear.mean())), f"{name}_low": low, f"{name}_high": high}


TABLE = Table(
    columns=(
        "side", "form", "real_uses", "nmse_db", "nmse_db_low", "nmse_db_high", "nmse_shifted_db", "cosine",
        "over_linear_db", "over_linear_db_low", "over_linear_db_high", "block_error_rate", "decode_failure_rate",
        "works", "interval",
    ),
    brackets="nmse_db",
    needs=needs,
    settings=settings,
    make=make,
    caption="""
Quality of channel states without an attacker

One row per system that feeds channel states back, or anchor, and SNR, over all test samples of {{ csi }}: NMSE of the
channel itself (mean over samples, in dB) with its 95% bootstrap interval; ``nmse_shifted_db`` divides by the energy of
the stored values, in which 0.5 is added to every coefficient, and is no measure of feedback; ``cosine`` similarity;
``over_linear_db``: NMSE over that of the best linear code at equal channel uses and power, on the same samples: above 0
a system loses to it; ``works``: at most {{ (100 * params.evaluation.most_lost) | number }}% of its blocks are lost.
Anchors: that code (``karhunen_loeve``), and the largest coefficients without any channel.
""",
)  # fmt: skip
