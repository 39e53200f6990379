"""Least attack power on fed back channel states by system, attack, criterion of success and SNR."""

from __future__ import annotations

import pandas as pd

from semrobust.config.params import Params
from semrobust.config.settings import Plain
from semrobust.pipeline.work import Work
from semrobust.tables import attack_power, csi
from semrobust.tables.attacks import attacked_samples, needs
from semrobust.tables.table import Table


def settings(params: Params) -> Plain:
    return csi.about(params, params.in_pairs("csi"), "uses", "criteria")


def make(work: Work) -> pd.DataFrame:
    """Rows (criterion, system, attack, SNR), each as in `attack_power`."""
    given = work.settings
    return pd.DataFrame(
        row
        for criterion in given["criteria"]
        for system, attacks in attacked_samples(work, criterion).items()
        for row in attack_power.of_system(
            work,
            system,
            attacks,
            given["uses"][system],
            {"criterion": criterion, "form": given["forms"][system], "real_uses": given["uses"][system]},
        )
    )


_OF_IMAGES = ("stream", "success_psnr_db")

TABLE = Table(
    columns=(
        "criterion", "form", "real_uses", *(name for name in attack_power.TABLE.columns if name not in _OF_IMAGES),
    ),
    brackets=attack_power.TABLE.brackets,
    needs=lambda params: needs(params, params.in_pairs("csi")),
    settings=settings,
    make=make,
    caption="""
Least attack power on channel states

One row per criterion of success, system, attack and SNR, over {{ params.evaluation.attack_images | number }} test
samples of {{ csi }}: success rate and least energy ‖s‖² of a successful attack, as median with 95%
bootstrap interval, quartiles and mean (signal: N = ``real_uses``). ``criterion``: {% for name, rule in
params.csi.broken.items() %}``{{ name }}`` is {{ rule.label }}{{ "; " if not loop.last else "." }}{% endfor %} A sample
that is broken without an attack needs no power. Those that withstood every power tried are censored: ∞ for quantiles.
``breakable``: samples that no channel at all in their place would break.
""",
)  # fmt: skip
