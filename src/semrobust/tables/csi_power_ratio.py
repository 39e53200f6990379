"""Attack power of semantic over that of classical feedback of channel states."""

from __future__ import annotations

import pandas as pd

from semrobust.config.params import Params
from semrobust.config.settings import Plain
from semrobust.pipeline.work import Work
from semrobust.tables import csi, power_ratio
from semrobust.tables.attacks import attacked_samples, needs
from semrobust.tables.table import Table


def settings(params: Params) -> Plain:
    return csi.about(params, params.compared("csi"), "systems", "criteria") | {"of_paper": power_ratio.of_paper(params)}


def make(work: Work) -> pd.DataFrame:
    """Rows as in `power_ratio`, under each criterion, of systems that send the same form over as many channel uses."""
    forms, rows = work.settings["forms"], []
    for criterion in work.settings["criteria"]:
        attacked = attacked_samples(work, criterion)
        for form in dict.fromkeys(forms.values()):
            same = {name: attacks for name, attacks in attacked.items() if forms[name] == form}
            rows += list(power_ratio.ratios(work, same, {"criterion": criterion, "form": form}))
    return pd.DataFrame(rows)


TABLE = Table(
    columns=("criterion", "form", *(name for name in power_ratio.TABLE.columns if name != "success_psnr_db")),
    brackets=power_ratio.TABLE.brackets,
    needs=lambda params: needs(params, params.compared("csi")),
    settings=settings,
    make=make,
    caption="""
Ratio of least attack powers on channel states, semantic ÷ classical

One row per criterion of success, pair of systems of one form, SNR, attacks, population and statistic, with paired 95%
bootstrap intervals, as in ``power_ratio``; over {{ params.evaluation.attack_images | number }} test samples of
{{ csi }}. Above 1 the semantic system is harder to break.
""",
)
