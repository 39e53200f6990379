"""Decode a few images under rising attack power, for the gallery figure.

Each system gets the direction of its strongest attack on that image, scaled to the same powers for all systems.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from safetensors import safe_open

from semrobust.config.settings import Plain
from semrobust.errors import ArtifactError
from semrobust.measure.images import TestImages
from semrobust.measure.names import split
from semrobust.measure.vectors import VECTORS, at
from semrobust.phy.channel import awgn, channel_noise
from semrobust.phy.power import noise_variance, power_from_psr_db
from semrobust.pipeline.step import Need, Step
from semrobust.pipeline.work import Work
from semrobust.systems.base import System
from semrobust.systems.checkpoint import restore
from semrobust.systems.distortion import mean_squared_error, psnr_db

if TYPE_CHECKING:
    from semrobust.config.params import Params

Pixels = npt.NDArray[np.uint8]


def strongest(work: Work, system: str) -> tuple[str, torch.Tensor]:
    """The attack of least mean power on the gallery's images, and its perturbations (images, N)."""
    snr_db, images = work.settings["gallery_snr_db"], work.settings["gallery_images"]
    powers: dict[str, float] = {}
    for pair, found in work.inputs("attack").items():
        if split(pair)[0] == system:
            table = pd.read_parquet(found.path())
            shown = table[(table["snr_db"] == snr_db) & (table["image"] < images)]
            powers[pair] = float(shown["power_total"].where(shown["success"], np.inf).mean())
    best = min(powers, key=lambda pair: powers[pair])
    with safe_open(work.input("attack", best).path(VECTORS), framework="pt") as vectors:
        return split(best)[1], vectors.get_slice(at(snr_db))[:images]


def show(system: System, images: torch.Tensor, direction: torch.Tensor, given: Plain) -> list[torch.Tensor]:
    """Reconstructions (images,3,32,32) without attack and at each power along `direction` (images, N)."""
    uses, snr_db = system.real_uses, given["gallery_snr_db"]
    noise = channel_noise(given["seed"], snr_db, 0, len(images), uses)
    received = awgn(system.send(images).codewords, snr_db, noise)
    unit = direction / direction.norm(dim=1, keepdim=True).clamp_min(torch.finfo(direction.dtype).tiny)
    powers = [0.0, *(power_from_psr_db(psr, uses) for psr in given["gallery_psr_db"])]
    return [system.decode(received + power**0.5 * unit, noise_variance(snr_db)).images for power in powers]


def _pixels(images: torch.Tensor) -> Pixels:
    return np.asarray((images * 255.0).round().to(torch.uint8).permute(0, 2, 3, 1).numpy())


def needs(params: Params, _: str) -> list[Need]:
    attacked = params.attacked()
    return [
        ("dataset", params.data.source),
        *(("train", system) for system in attacked),
        *(("attack", ".".join(pair)) for pair in params.pairs() if pair[0] in attacked),
    ]


def settings(params: Params, _: str) -> Plain:
    evaluation = params.section("evaluation")
    return {
        **{key: value for key, value in evaluation.items() if key.startswith("gallery_")},
        "seed": params.seed,
        "threads": params.compute.job_threads,
    }


def make(work: Work) -> None:
    """Write the gallery's images as one npz file; figures only draw them."""
    torch.set_num_threads(work.threads)
    given = work.settings
    originals = TestImages.of(work, given["gallery_images"]).images
    pictures, quality, attacks, systems = [], [], [], []
    for name, model in work.inputs("train").items():
        system = restore(model)
        if not system.send(originals).feasible.any():
            continue  # its budget carries no image, so there is nothing to show
        systems.append(name)
        attack, direction = strongest(work, name)
        shown = show(system, originals, direction, given)
        pictures.append(np.stack([_pixels(images) for images in shown], axis=1))
        quality.append(np.stack([psnr_db(mean_squared_error(images, originals)).numpy() for images in shown], axis=1))
        attacks.append(attack)
    if not pictures:
        raise ArtifactError("not one system can send the gallery's images within its bit budget: raise link.real_uses")
    with work.output() as path:
        np.savez(
            path,
            images=np.stack(pictures),
            originals=_pixels(originals),
            psnr_db=np.stack(quality),
            psr_db=np.array(given["gallery_psr_db"]),
            snr_db=np.array(given["gallery_snr_db"]),
            systems=np.array(systems),
            attacks=np.array(attacks),
        )


STEP = Step(
    kind="gallery",
    stage="samples",
    folder="samples/gallery",
    files=(".npz",),
    names=lambda _: ["gallery"],
    needs=needs,
    settings=settings,
    versions=lambda *_: {"gallery": 1},
    make=make,
    memory_mb=1000,
)
