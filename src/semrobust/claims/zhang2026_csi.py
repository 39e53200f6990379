"""What zhang2026 says of its second task, the feedback of channel states (Figs. 7 to 9).

Where the data are a substitute for COST 2100 a claim about them holds in direction at most.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from semrobust.claims.claim import Finding, Tables, below, claim, share
from semrobust.config.settings import Plain
from semrobust.pipeline.numbers import number
from semrobust.pipeline.verdicts import DIRECTION, HOLDS
from semrobust.tables.attacks import BEST_OF

_STATED_DB = -33.0
_ORIGINAL = "cost2100"
_SUBSTITUTE = "on other data than COST 2100 at most in direction"


@claim(
    "zhang2026_csi",
    "Figs. 7–9",
    "Semantic transmission is harder to attack for CSI feedback over COST 2100, too",
    "share of points (semantic system trained with noise, separation-based baseline of the same form, SNR) at which "
    "it is: ratio of medians, cheapest attacks, under the first criterion of csi.broken, at SNRs at which the baseline "
    "loses at most evaluation.most_lost of its blocks; other criteria with ratios stand in the measure; a "
    "median of 0 on the semantic side counts as 0; holds: the "
    f"interval above 1 at all of them; in direction: at over half; {_SUBSTITUTE}",
    "csi_power_ratio",
    "csi_clean",
)
def csi_feedback(tables: Tables, given: Plain) -> Finding | None:
    csi = given["csi"]
    rows, clean = tables["csi_power_ratio"], tables["csi_clean"]
    rows = rows[rows["semantic_system"].isin(csi["noisy"])]
    rows = rows[(rows["semantic_attack"] == BEST_OF) & (rows["population"] == "all") & (rows["statistic"] == "median")]
    rows = rows[rows["ratio"].notna()]
    works = clean[clean["works"]]
    at_work = set(zip(works["system"], works["snr_db"], strict=True))
    chosen = [point in at_work for point in zip(rows["classical_system"], rows["snr_db"], strict=True)]
    rows = rows[pd.Series(chosen, index=rows.index, dtype=bool)]
    first = rows["criterion"] == csi["criterion"]
    others = [
        f"under {criterion} {(of['ratio_low'] > 1).sum()} of {len(of)}"
        for criterion, of in rows[~first].groupby("criterion", sort=False)
        if of["ratio"].between(0, np.inf, inclusive="neither").any()
    ]
    rows = rows[first]
    measure = "; ".join([f"share of {len(rows)} points", *others])
    found = share(measure, rows["ratio_low"], rows["ratio_high"], 1)
    return None if found is None else _on(found, csi["source"])


@claim(
    "zhang2026_csi_clean",
    "Fig. 7",
    "Without an attack DeepJSCC feeds channel states back with an NMSE of about −33 dB at 20 dB",
    "NMSE of the channel itself, of the best semantic system at the highest SNR; holds: its interval at most −33 dB; "
    f"the measure names the shifted NMSE, too, which is what −33 dB may be about; {_SUBSTITUTE}",
    "csi_clean",
    stated="−33 dB",
)
def csi_quality(tables: Tables, given: Plain) -> Finding | None:
    rows = tables["csi_clean"]
    rows = rows[rows["side"] == "semantic"]
    if rows.empty:
        return None
    rows = rows[rows["snr_db"] == rows["snr_db"].max()]
    best: pd.Series[float] = rows.sort_values("nmse_db").iloc[0]
    measure = f"dB of NMSE at {best['snr_db']:g} dB, {best['system']}; shifted: {number(best['nmse_shifted_db'])} dB"
    found = below(measure, best["nmse_db"], (best["nmse_db_low"], best["nmse_db_high"]), limit=_STATED_DB)
    return _on(found, given["csi"]["source"])


def _on(found: Finding, source: str) -> Finding:
    """A finding on the paper's data, or on a substitute."""
    return replace(found, verdict=DIRECTION) if source != _ORIGINAL and found.verdict == HOLDS else found
