"""Least attack power per image over all SNRs, for one attack on one system."""

from __future__ import annotations

import pandas as pd
import torch
from safetensors.torch import save_file
from tqdm import tqdm

from semrobust.attacks.base import Attack, AttackResult, Target, untouched
from semrobust.attacks.code.structure import stored
from semrobust.attacks.code.structure.sets import Structure
from semrobust.config.params import Params
from semrobust.config.registry import ATTACKS
from semrobust.data.splits import load_split
from semrobust.phy.channel import awgn, channel_noise
from semrobust.phy.power import noise_variance
from semrobust.pipeline import files, jobs, seeds
from semrobust.pipeline.layout import Layout
from semrobust.pipeline.record import Making
from semrobust.systems.base import Sent, System, grey_images
from semrobust.systems.checkpoint import restore
from semrobust.systems.distortion import mean_squared_error, mse_from_psnr_db, psnr_db


def aim(
    params: Params,
    system: System,
    images: torch.Tensor,
    sent: Sent,
    start: int,
    snr_db: float,
    structure: Structure | None = None,
) -> Target:
    """The batch of test images from number `start` on, sent over the same noise as in the clean evaluation."""
    stop = start + len(images)
    noise = channel_noise(params.seed, snr_db, start, stop, system.real_uses)
    directions = seeds.gaussian_rows(params.seed, "attack", snr_db, start=start, stop=stop, width=system.real_uses)
    return Target(
        system,
        images,
        sent,
        awgn(sent.codewords, snr_db, noise),
        noise_variance(snr_db),
        mse_from_psnr_db(params.evaluation.success_psnr_db),
        torch.from_numpy(directions),
        params.seed,
        structure,
    )


def rows(attacked: Target, result: AttackResult, start: int, snr_db: float) -> pd.DataFrame:
    """Per-image table of a result.

    `ruinable`: a failed decode (mid-grey) alone reaches D*, which the image decides and not the attack.
    """
    clean = attacked.distortion(torch.zeros_like(result.perturbation))
    grey = mean_squared_error(grey_images(len(attacked)), attacked.images)
    return pd.DataFrame(
        {
            "image": range(start, start + len(attacked)),
            "snr_db": snr_db,
            "success": result.success,
            "power_total": result.power_total,
            "psnr_db": psnr_db(result.mse).double(),
            "clean_psnr_db": psnr_db(clean).double(),
            "ruinable": grey >= attacked.threshold,
            "infeasible": ~attacked.sent.feasible,
            "steps": result.steps,
        }
    )


def run(params: Params, name: str, attack: str, command: list[str]) -> None:
    """Run `attack` on the system `name`; write the per-image table and the perturbations themselves."""
    layout = Layout(params.run)
    making = Making(jobs.attack(params, name, attack), command)
    torch.set_num_threads(params.compute.job_threads)
    dataset = making.uses(layout.dataset(), jobs.dataset(params))
    system = restore(params, name, making)
    settings = params.attacks[attack]
    kind = ATTACKS[settings.kind]
    assert issubclass(kind, Attack)
    method = kind(settings)
    structure = None
    if kind.knows_structure:
        structure = stored.load(params, params.same_code(name), making)
    test = load_split(dataset.parent, "test").images[: params.evaluation.attack_images]

    def batch(start: int) -> torch.Tensor:
        return torch.from_numpy(test[start : start + params.evaluation.batch].copy()).float() / 255.0

    starts = range(0, len(test), params.evaluation.batch)
    # a system whose budget carries not one image has nothing to attack
    sends = any(bool(system.encode(batch(start)).feasible.any()) for start in starts)
    parts: list[pd.DataFrame] = []
    vectors: dict[str, list[torch.Tensor]] = {}
    progress = tqdm(total=len(starts) * len(params.link.snr_db), desc=f"{attack} on {name}", disable=None)
    for start in starts:
        images = batch(start)
        sent = system.encode(images)
        for snr_db in params.link.snr_db:
            attacked = aim(params, system, images, sent, start, snr_db, structure)
            result = method.run(attacked) if sends else untouched(attacked)
            parts.append(rows(attacked, result, start, snr_db))
            vectors.setdefault(f"snr_db={snr_db:g}", []).append(result.perturbation)
            progress.update()
    progress.close()
    table = pd.concat(parts).sort_values(["snr_db", "image"], ignore_index=True)
    outputs = [layout.attack(name, attack), layout.perturbations(name, attack)]
    with files.replacing(outputs[0]) as temporary:
        table.to_parquet(temporary, index=False)
    with files.replacing(outputs[1]) as temporary:
        save_file({snr: torch.cat(batches) for snr, batches in vectors.items()}, temporary)
    making.finish(outputs[0], outputs)
