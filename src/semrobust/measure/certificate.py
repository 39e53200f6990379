"""Certify single images sent by SYSTEM: power that no attack breaks them with, and what the channel's noise hides"""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch
from tqdm import tqdm

from semrobust.attacks.base import Target
from semrobust.config.searches import CertificateSettings
from semrobust.config.settings import Plain
from semrobust.measure.aim import aim
from semrobust.measure.images import TestImages
from semrobust.phy.power import SOURCE_VALUES
from semrobust.pipeline import memory, seeds
from semrobust.pipeline.select import without
from semrobust.pipeline.step import Step
from semrobust.pipeline.work import Work
from semrobust.systems.base import System, device
from semrobust.systems.checkpoint import restore
from semrobust.systems.distortion import mean_squared_error, mse_from_psnr_db
from semrobust.theory.certified_radius import certify, refusal
from semrobust.theory.smoothing import certified_power

if TYPE_CHECKING:
    from semrobust.config.params import Params

_DRAWS = 500  # decoded side by side
_OF_CODES = ("program_bits",)


def settings(params: Params, name: str) -> Plain:
    given = without(params.section("certificates"), *_OF_CODES)
    if name not in params.evaluation.main.systems:  # most rests on these
        fewest = min(part["images"] for part in given["at"])
        given["at"] = [part | {"images": fewest} for part in given["at"]]
    return {
        "certificates": given,
        "success_psnr_db": params.evaluation.success_psnr_db,
        "seed": params.seed,
        "threads": params.compute.job_threads,
    }


def make(work: Work) -> None:
    """Write one row per SNR and image of `certificates.images`, of all images known so far after an interruption.

    Columns: `certified_power` ||s||², NaN for a receiver that no certificate knows, and the record says why; `linear`
    what the tangent alone would say; `evaluations`; `flipping` share of units; `survived` of the draws of the channel,
    and `smoothed_power` from it.
    """
    torch.set_num_threads(work.threads)
    memory.keep()
    given = CertificateSettings.model_validate(work.settings["certificates"] | dict.fromkeys(_OF_CODES))
    system, threshold = restore(work.input("train")), mse_from_psnr_db(work.settings["success_psnr_db"])
    layers = system.decoder_layers()
    why_not = "it is no plain sequence of layers" if layers is None else refusal(layers[0])
    kept = work.scratch / "rows.jsonl"
    kept.parent.mkdir(parents=True, exist_ok=True)
    found = [json.loads(line) for line in kept.read_text().splitlines() if line.endswith("}")] if kept.exists() else []
    known = {(row["snr_db"], row["image"]) for row in found}
    wanted = [(part.snr_db, image) for part in given.at for image in range(part.images)]
    test = TestImages.of(work, max((image for _, image in wanted), default=0) + 1)
    for snr_db, image in tqdm(wanted, desc=f"certificates of {work.artifact.name}", disable=None):
        if (snr_db, image) in known:
            continue
        pictures = test.images[image : image + 1]
        target = aim(system, pictures, system.send(pictures), image, snr_db, threshold, work.seed)
        row: dict[str, Any] = {"image": image, "snr_db": snr_db}
        row |= _smoothed(target, given, work.seed, image, snr_db)
        if not why_not:
            row |= _certified(system, target, given.evaluations)
        found.append(row)
        with kept.open("a") as file:
            file.write(json.dumps(row) + "\n")
    table = pd.DataFrame(found).reindex(columns=list(_COLUMNS)).sort_values(["snr_db", "image"], ignore_index=True)
    with work.output() as path:
        table.to_parquet(path, index=False)
    shutil.rmtree(kept.parent)
    if why_not:
        work.details["no certificate"] = why_not


_COLUMNS = (
    "image", "snr_db", "certified_power", "linear", "evaluations", "flipping", "survived", "smoothed_power",
)  # fmt: skip


def _certified(system: System, target: Target, evaluations: int) -> dict[str, float]:
    layers = system.decoder_layers()
    assert layers is not None
    network, shape = layers
    received, image = target.received[0].reshape(shape).to(device()), target.images[0].to(device())
    found = certify(network, received, image, SOURCE_VALUES * target.threshold, evaluations)
    return {
        "certified_power": found.power_total,
        "linear": found.linear,
        "evaluations": found.evaluations,
        "flipping": found.flipping,
    }


def _smoothed(target: Target, given: CertificateSettings, seed: int, image: int, snr_db: float) -> dict[str, float]:
    """Draws of the channel, not the one of the tables, under which the image survives, and what they certify."""
    survived, codeword = 0, target.sent.codewords[:1]
    for start in range(0, given.draws, _DRAWS):
        rows = {"start": start, "stop": min(start + _DRAWS, given.draws), "width": codeword.shape[1]}
        noise = torch.from_numpy(seeds.gaussian_rows(seed, "smoothing", snr_db, image, **rows))
        received = codeword + target.noise_variance**0.5 * noise.to(codeword.device)
        shown = target.system.decode(received, target.noise_variance).images
        error = mean_squared_error(shown, target.images.expand(len(shown), -1, -1, -1))
        survived += int((error < target.threshold).sum())
    power = certified_power(survived, given.draws, target.noise_variance, given.confidence)
    return {"survived": survived, "smoothed_power": power}


STEP = Step(
    kind="certificate",
    stage="samples",
    folder="samples/certificate",
    files=(".parquet",),
    names=lambda params: params.networks(),
    needs=lambda params, name: [("dataset", params.data.source), ("train", name)],
    settings=settings,
    versions=lambda *_: {"certificate": 1},
    make=make,
    gpu=lambda *_: True,
    memory_mb=5000,
    minutes=240,
)
