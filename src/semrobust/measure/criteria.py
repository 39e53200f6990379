"""Least attack power per image under several criteria of ruin, and how steep the receiver is where it stands."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pandas as pd
import torch
from tqdm import tqdm

from semrobust.attacks.base import Attack, Target
from semrobust.attacks.code.structure import stored
from semrobust.config.criteria import CriterionSettings
from semrobust.config.params import Params
from semrobust.config.registry import ATTACKS
from semrobust.config.settings import LEVELS
from semrobust.data.splits import load_split
from semrobust.errors import UsageError
from semrobust.measure import attack as attacked
from semrobust.measure.slopes import slopes
from semrobust.pipeline import files, jobs
from semrobust.pipeline.layout import Layout
from semrobust.pipeline.record import Making
from semrobust.systems.checkpoint import restore
from semrobust.systems.distortion import mse_from_psnr_db


@dataclass(frozen=True, kw_only=True)
class OwnTarget(Target):
    """A batch whose images each have their own D*: `threshold` (B,), which attacks compare distortions with."""

    threshold: torch.Tensor  # type: ignore[assignment]  # a number per image where other targets have one for all

    def take(self, rows: torch.Tensor) -> Target:
        return replace(super().take(rows), threshold=self.threshold[rows])  # type: ignore[arg-type]

    def distortion(self, perturbation: torch.Tensor, rows: torch.Tensor | None = None) -> torch.Tensor:
        if rows is not None:  # the distortions of some images would meet the thresholds of all
            raise UsageError("this attack cannot be run under criteria relative to each image: use minimum_norm")
        return super().distortion(perturbation)


def threshold(criterion: CriterionSettings, clean: torch.Tensor) -> torch.Tensor:
    """Mean squared error D* per image under a relative criterion, from that without an attack `clean` (B,)."""
    if criterion.below_clean_db is not None:
        factor: float = 10.0 ** (criterion.below_clean_db / 10.0)
        return clean * factor
    assert criterion.rise_levels is not None
    return (clean.sqrt() + criterion.rise_levels / LEVELS).square()


def run(params: Params, name: str, command: list[str]) -> None:
    """Write one row per SNR, criterion, attack and image, with the columns of `evaluation.attacked.rows`.

    Further columns: `criterion`, `attack`, and of a differentiable receiver those of `evaluation.slopes`. Chains are
    tried under absolute criteria alone: a failed decode is all or nothing.
    """
    layout = Layout(params.run)
    making = Making(jobs.criteria(params, name), command)
    torch.set_num_threads(params.compute.job_threads)
    dataset = making.uses(layout.dataset(), jobs.dataset(params))
    system = restore(params, name, making)
    given = params.criteria
    methods: dict[str, Attack] = {}
    for attack in params.criterion_attacks(name):
        kind = ATTACKS[given.attacks[attack].kind]
        assert issubclass(kind, Attack)
        methods[attack] = kind(given.attacks[attack])
    structure = None
    if any(method.knows_structure for method in methods.values()):
        structure = stored.load(params, params.same_code(name), making)
    test = load_split(dataset.parent, "test").images[: given.images]
    batch, parts = params.evaluation.batch, []
    for start in range(0, len(test), batch):
        images = torch.from_numpy(test[start : start + batch].copy()).float() / LEVELS
        sent = system.encode(images)
        for snr_db in tqdm(given.snr_db, desc=f"criteria of {name}", disable=None):
            aimed = attacked.aim(params, system, images, sent, start, snr_db, structure)
            clean = aimed.distortion(torch.zeros_like(aimed.received))
            steep = slopes(params, aimed, start, snr_db) if "gradient" in system.capabilities else {}
            for label, criterion in given.ruined.items():
                if criterion.psnr_db is not None:
                    target = replace(aimed, threshold=mse_from_psnr_db(criterion.psnr_db))
                elif steep:
                    target = OwnTarget(**{**vars(aimed), "threshold": threshold(criterion, clean)})
                else:
                    continue
                for attack, method in methods.items():
                    found = attacked.rows(target, method.run(target), start, snr_db)
                    parts.append(found.assign(criterion=label, attack=attack, **steep))
    table = pd.concat(parts).sort_values(["snr_db", "criterion", "attack", "image"], ignore_index=True)
    output = layout.criteria(name)
    with files.replacing(output) as temporary:
        table.to_parquet(temporary, index=False)
    making.finish(output, [output])
