"""Search the least power that breaks images sent by SYSTEM under every criterion of success."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import pandas as pd
import torch
from tqdm import tqdm

from semrobust.attacks.base import attack_of
from semrobust.attacks.search import attacked
from semrobust.config.criteria import CriterionSettings
from semrobust.config.registry import ATTACKS, SYSTEMS
from semrobust.config.searches import TheorySettings
from semrobust.config.settings import Plain
from semrobust.measure.aim import aim
from semrobust.measure.attack import known, patterns_of, rows, structure_of
from semrobust.measure.images import TestImages
from semrobust.measure.slopes import slopes
from semrobust.measure.success import under
from semrobust.pipeline import memory
from semrobust.pipeline.select import without
from semrobust.pipeline.step import Need, Step
from semrobust.pipeline.work import Work
from semrobust.systems.checkpoint import restore

if TYPE_CHECKING:
    from semrobust.config.params import Params


def needs(params: Params, name: str) -> list[Need]:
    kinds = [ATTACKS[params.criteria.attacks[attack].kind] for attack in params.criterion_attacks(name)]
    return [("dataset", params.data.source), ("train", name), *known(params, name, kinds)]


def settings(params: Params, name: str) -> Plain:
    given = params.section("criteria")
    attacks = params.criterion_attacks(name)
    return {
        "images": given["images"],
        "snr_db": given["snr_db"],
        "attacks": {attack: without(given["attacks"][attack], "label") for attack in attacks},
        "broken": {rule: without(criterion, "label") for rule, criterion in given["broken"].items()},
        "order": [attacks, list(given["broken"])],
        "theory": without(params.section("theory"), "path_points"),
        "batch": params.evaluation.batch,
        "seed": params.seed,
        "threads": params.compute.job_threads,
    }


def _versions(params: Params, name: str) -> Plain:
    attacks = [params.criteria.attacks[attack].kind for attack in params.criterion_attacks(name)]
    return {"criteria": 2, "kinds": {kind: ATTACKS[kind].version for kind in attacks}}


def _modules(params: Params, name: str) -> list[str]:
    kinds = {params.criteria.attacks[attack].kind for attack in params.criterion_attacks(name)}
    return [__name__, *sorted(ATTACKS[kind].__module__ for kind in kinds)]


def make(work: Work) -> None:
    """Write one row per SNR, criterion, attack and image, with the columns of `measure.attack.rows`.

    Further columns: `criterion`, `attack`, and of a differentiable receiver those of `measure.slopes`. Baselines are
    tried under absolute criteria alone: a failed decode is all or nothing.
    """
    torch.set_num_threads(work.threads)
    memory.keep()
    given = work.settings
    theory = TheorySettings.model_validate({**given["theory"], "path_points": 1})
    system, structure, patterns = restore(work.input("train")), structure_of(work), patterns_of(work)
    attacks, rules = given["order"]
    methods = {attack: attack_of(given["attacks"][attack]) for attack in attacks}
    criteria = {rule: CriterionSettings.model_validate({"label": rule, **given["broken"][rule]}) for rule in rules}
    test, parts, differentiable = TestImages.of(work, given["images"]), [], "gradient" in system.capabilities
    batches = list(test.batches(given["batch"]))
    starts = [int(numbers[0]) for numbers in batches]
    sent = [system.send(test.images[numbers]) for numbers in batches]
    for snr_db in tqdm(given["snr_db"], desc=f"criteria of {work.artifact.name}", disable=None):
        aimed = [
            aim(system, test.images[numbers], batch, start, snr_db, 0.0, work.seed, structure, patterns)
            for numbers, batch, start in zip(batches, sent, starts, strict=True)
        ]
        steep = [
            slopes(theory, work.seed, target, start, snr_db) if differentiable else {}
            for target, start in zip(aimed, starts, strict=True)
        ]
        for (label, criterion), (attack, method) in product(criteria.items(), methods.items()):
            if criterion.psnr_db is None and not differentiable:
                continue
            targets = [under(criterion, target) for target in aimed]
            results = attacked(method, targets)
            for target, result, start, of in zip(targets, results, starts, steep, strict=True):
                found = rows(target, result, range(start, start + len(target)), snr_db, method.vanished(target))
                parts.append(found.assign(criterion=label, attack=attack, **of))
    table = pd.concat(parts).sort_values(["snr_db", "criterion", "attack", "image"], ignore_index=True)
    with work.output() as path:
        table.to_parquet(path, index=False)


STEP = Step(
    kind="criteria",
    stage="samples",
    folder="samples/criteria",
    files=(".parquet",),
    names=lambda params: params.by_criteria(),
    needs=needs,
    settings=settings,
    versions=_versions,
    modules=_modules,
    make=make,
    gpu=lambda params, name: "gradient" in SYSTEMS[params.systems[name].kind].capabilities,
    minutes=60,
)
