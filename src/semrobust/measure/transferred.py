"""Least power at which perturbations made on a system's surrogate ruin the images of the system itself."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import torch
from safetensors.torch import load_file, save_file
from tqdm import tqdm

from semrobust.attacks.base import Attack
from semrobust.config.params import Params
from semrobust.config.registry import ATTACKS
from semrobust.config.settings import LEVELS
from semrobust.data.splits import load_split
from semrobust.measure.attack import aim, rows
from semrobust.pipeline import files, jobs
from semrobust.pipeline.layout import Layout
from semrobust.pipeline.record import Making
from semrobust.systems.checkpoint import restore


def run(params: Params, name: str, attack: str, command: list[str]) -> None:
    """Try on the system `name` what `attack` says was made on its surrogate; writes as `evaluation.attacked` does."""
    layout = Layout(params.run)
    making = Making(jobs.attack(params, name, attack), command)
    torch.set_num_threads(params.compute.job_threads)
    dataset = making.uses(layout.dataset(), jobs.dataset(params))
    system = restore(params, name, making)
    source = params.crafted(name, attack)
    making.uses(layout.attack(*source), jobs.attack(params, *source))
    made = load_file(layout.perturbations(*source))
    kind = ATTACKS[params.attacks[attack].kind]
    assert issubclass(kind, Attack)
    method = kind(params.attacks[attack])
    test = load_split(dataset.parent, "test").images[: params.evaluation.attack_images]
    parts: list[pd.DataFrame] = []
    vectors: dict[str, list[torch.Tensor]] = {}
    for start in range(0, len(test), params.evaluation.batch):
        images = torch.from_numpy(test[start : start + params.evaluation.batch].copy()).float() / LEVELS
        sent = system.encode(images)
        for snr_db in tqdm(params.link.snr_db, desc=f"{attack} on {name}", disable=None):
            place = f"snr_db={snr_db:g}"
            crafted = made[place][start : start + len(images)]
            target = replace(aim(params, system, images, sent, start, snr_db), directions=crafted)
            result = method.run(target)
            parts.append(rows(target, result, start, snr_db))
            vectors.setdefault(place, []).append(result.perturbation)
    outputs = [layout.attack(name, attack), layout.perturbations(name, attack)]
    table = pd.concat(parts).sort_values(["snr_db", "image"], ignore_index=True)
    with files.replacing(outputs[0]) as temporary:
        table.to_parquet(temporary, index=False)
    with files.replacing(outputs[1]) as temporary:
        save_file({place: torch.cat(batches) for place, batches in vectors.items()}, temporary)
    making.finish(outputs[0], outputs)
