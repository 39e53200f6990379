"""Search again with other random starts, for SYSTEM, the least power at which ATTACK breaks what it sends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import torch

from semrobust.attacks.base import attack_of
from semrobust.config.settings import Plain
from semrobust.measure import attack
from semrobust.pipeline import memory, seeds
from semrobust.pipeline.step import Step
from semrobust.pipeline.work import Work
from semrobust.systems.checkpoint import restore

if TYPE_CHECKING:
    from semrobust.config.params import Params


def settings(params: Params, name: str) -> Plain:
    """Those of the attack, at the SNRs of the frontier and on as many images as any attack."""
    chosen = {"snr_db": params.frontier_snr_db(), "images": params.evaluation.attack_images}
    return attack.settings(params, name) | chosen | {"draws": params.evaluation.main.draws}


def make(work: Work) -> None:
    """Write one row per draw, SNR and image, with the columns of `measure.attack.rows`; draw 0 is the recorded one."""
    torch.set_num_threads(work.threads)
    memory.keep()
    system, method = restore(work.input("train")), attack_of(work.settings["attack"])
    parts = []
    for draw in range(work.settings["draws"]):
        own = None if draw == 0 else seeds.integer(work.seed, "draw of an attack", draw)
        parts.append(attack.against_images(work, system, method, own)[0].assign(draw=draw))
    with work.output() as path:
        pd.concat(parts, ignore_index=True).to_parquet(path, index=False)


STEP = Step(
    kind="spread",
    stage="samples",
    folder="samples/spread",
    files=(".parquet",),
    names=lambda params: [".".join(pair) for pair in params.main_pairs()],
    needs=attack.needs,
    settings=settings,
    versions=lambda params, name: {"spread": 1, **(attack.STEP.versions or (lambda *_: {}))(params, name)},
    modules=lambda params, name: [__name__, *(attack.STEP.modules or (lambda *_: []))(params, name)],
    make=make,
    gpu=attack.STEP.gpu,
    memory_mb=attack.STEP.memory_mb,
    minutes=attack.STEP.minutes,
)
