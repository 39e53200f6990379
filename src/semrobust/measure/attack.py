"""Search for SYSTEM the least power at which ATTACK ruins its images, over all SNRs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd
import torch
from safetensors.torch import load_file, save_file
from tqdm import tqdm

from semrobust.attacks.base import AttackResult, Target, attack_of, untouched
from semrobust.attacks.code.structure import stored
from semrobust.attacks.code.structure.sets import Structure
from semrobust.attacks.search import attacked
from semrobust.config.registry import ATTACKS, SYSTEMS
from semrobust.config.settings import Plain
from semrobust.measure.images import TestImages
from semrobust.phy.channel import awgn, channel_noise
from semrobust.phy.power import noise_variance
from semrobust.pipeline import memory, seeds, select
from semrobust.pipeline.step import Need, Step
from semrobust.pipeline.work import Work
from semrobust.systems.base import Sent, System, device, grey_images
from semrobust.systems.checkpoint import restore
from semrobust.systems.distortion import mean_squared_error, mse_from_psnr_db, psnr_db

if TYPE_CHECKING:
    from semrobust.config.params import Params

VECTORS = ".safetensors"
"""End of the file with the perturbations: a tensor (images, N) per SNR, by `at`."""


def at(snr_db: float) -> str:
    """Name of the perturbations at an SNR."""
    return f"snr_db={snr_db:g}"


def aim(
    system: System,
    images: torch.Tensor,
    sent: Sent,
    start: int,
    snr_db: float,
    threshold: float,
    seed: int,
    structure: Structure | None = None,
) -> Target:
    """The batch of test images from number `start` on, sent over the same noise as when nobody attacks."""
    stop = start + len(images)
    noise = channel_noise(seed, snr_db, start, stop, system.real_uses)
    directions = seeds.gaussian_rows(seed, "attack", snr_db, start=start, stop=stop, width=system.real_uses)
    return Target(
        system,
        images,
        sent,
        awgn(sent.codewords, snr_db, noise.to(images.device)),
        noise_variance(snr_db),
        threshold,
        torch.from_numpy(directions).to(images.device),
        seed,
        structure,
    )


def rows(
    target: Target, result: AttackResult, start: int, snr_db: float, vanished: torch.Tensor | None = None
) -> pd.DataFrame:
    """Per-image table of a result.

    `ruinable`: a failed decode (mid-grey) alone reaches D*, which the image decides and not the attack. `vanished`: 1
    where the gradient that the attack follows is exactly 0 at what is received, NaN if it follows none.
    """
    clean = target.distortion(torch.zeros_like(result.perturbation))
    grey = mean_squared_error(grey_images(len(target)).to(target.images.device), target.images)
    columns = {
        "success": result.success,
        "power_total": result.power_total,
        "psnr_db": psnr_db(result.mse).double(),
        "clean_psnr_db": psnr_db(clean).double(),
        "ruinable": grey >= target.threshold,
        "infeasible": ~target.sent.feasible,
        "steps": result.steps,
        "vanished": torch.full_like(clean, torch.nan, dtype=torch.float64) if vanished is None else vanished.double(),
    }
    where = {"image": range(start, start + len(target)), "snr_db": snr_db}
    return pd.DataFrame(where | {name: values.cpu() for name, values in columns.items()})


def structure_of(work: Work) -> Structure | None:
    """What is known of the code of the system, if that is an input."""
    found = work.inputs("structure")
    return stored.load(next(iter(found.values())).path()) if found else None


def split(name: str) -> tuple[str, str]:
    """System and attack of a pair's name."""
    system, _, attack = name.partition(".")
    return system, attack


def needs(params: Params, name: str) -> list[Need]:
    system, attack = split(name)
    kind = ATTACKS[params.attacks[attack].kind]
    found = [("dataset", params.data.source), ("train", system)]
    if kind.knows_structure:
        found.append(("structure", params.same_code(system)))
    if kind.transfers:
        found.append(("attack", ".".join(params.crafted(system, attack))))
    return found


def settings(params: Params, name: str) -> Plain:
    return {
        "snr_db": params.link.snr_db,
        "attack": select.attack(params, split(name)[1]),
        "images": params.evaluation.attack_images,
        "success_psnr_db": params.evaluation.success_psnr_db,
        "batch": params.evaluation.batch,
        "seed": params.seed,
        "threads": params.compute.job_threads,
    }


def make(work: Work) -> None:
    """Write the table of `rows` for all SNRs, and the perturbations themselves."""
    torch.set_num_threads(work.threads)
    memory.keep()
    given, (name, attack) = work.settings, split(work.artifact.name)
    system, structure = restore(work.input("train")), structure_of(work)
    method = attack_of(given["attack"])
    crafted = {pair: load_file(source.path(VECTORS)) for pair, source in work.inputs("attack").items()}
    test = TestImages.of(work, given["images"])
    images = test.images.to(device()) if "gradient" in system.capabilities else test.images
    batches = list(test.batches(given["batch"]))
    sent = [system.send(images[numbers]) for numbers in batches]
    sends = any(bool(batch.feasible.any()) for batch in sent)  # else there is nothing to attack
    threshold = mse_from_psnr_db(given["success_psnr_db"])
    parts: list[pd.DataFrame] = []
    vectors: dict[str, list[torch.Tensor]] = {}
    progress = tqdm(total=len(batches) * len(given["snr_db"]), desc=f"{attack} on {name}", disable=None)
    for snr_db in given["snr_db"]:
        targets = []
        for numbers, batch in zip(batches, sent, strict=True):
            target = aim(system, images[numbers], batch, int(numbers[0]), snr_db, threshold, work.seed, structure)
            for perturbations in crafted.values():  # what was made on a surrogate is tried here, if it is anything
                made = perturbations[at(snr_db)][numbers].to(images.device)
                directions = torch.where((made != 0).any(dim=1, keepdim=True), made, target.directions)
                target = replace(target, directions=directions)
            targets.append(target)
        results = attacked(method, targets) if sends else map(untouched, targets)
        for numbers, target, result in zip(batches, targets, results, strict=True):
            parts.append(rows(target, result, int(numbers[0]), snr_db, method.vanished(target)))
            vectors.setdefault(at(snr_db), []).append(result.perturbation.cpu())
            progress.update()
    progress.close()
    table = pd.concat(parts).sort_values(["snr_db", "image"], ignore_index=True)
    with work.output() as path:
        table.to_parquet(path, index=False)
    with work.output(VECTORS) as path:
        save_file({snr: torch.cat(batches) for snr, batches in vectors.items()}, path)


STEP = Step(
    kind="attack",
    stage="samples",
    folder="samples/attack",
    files=(".parquet", VECTORS),
    names=lambda params: [".".join(pair) for pair in params.pairs()],
    needs=needs,
    settings=settings,
    versions=lambda params, name: {"attack": 2, "kind": ATTACKS[params.attacks[split(name)[1]].kind].version},
    modules=lambda params, name: [__name__, ATTACKS[params.attacks[split(name)[1]].kind].__module__],
    make=make,
    gpu=lambda params, name: "gradient" in SYSTEMS[params.systems[split(name)[0]].kind].capabilities,
    memory_mb=1750,
    minutes=120,
)
