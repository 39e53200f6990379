"""What an attacked image looks like: a few test images under rising power, for every system.

Each system gets the direction of its strongest attack on that image, scaled to the same powers for all systems.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from safetensors import safe_open

from semrobust.config.params import Params
from semrobust.data.splits import load_split
from semrobust.errors import ArtifactError
from semrobust.phy.channel import awgn, channel_noise
from semrobust.phy.power import noise_variance, power_from_psr_db
from semrobust.pipeline import files, jobs
from semrobust.pipeline.layout import Layout
from semrobust.pipeline.record import Making
from semrobust.systems.base import System
from semrobust.systems.checkpoint import restore
from semrobust.systems.distortion import mean_squared_error, psnr_db

Pixels = npt.NDArray[np.uint8]


def strongest(params: Params, system: str, making: Making) -> tuple[str, torch.Tensor]:
    """The attack of least mean power on the gallery's images, and its perturbations (images, N)."""
    layout, snr_db = Layout(params.run), params.evaluation.gallery_snr_db
    images = params.evaluation.gallery_images
    powers: dict[str, float] = {}
    for name, attack in params.pairs():
        if name == system:
            table = pd.read_parquet(making.uses(layout.attack(system, attack), jobs.attack(params, system, attack)))
            shown = table[(table["snr_db"] == snr_db) & (table["image"] < images)]
            powers[attack] = float(shown["power_total"].where(shown["success"], np.inf).mean())
    best = min(powers, key=lambda attack: powers[attack])
    with safe_open(layout.perturbations(system, best), framework="pt") as vectors:
        return best, vectors.get_slice(f"snr_db={snr_db:g}")[:images]


def show(system: System, images: torch.Tensor, direction: torch.Tensor, params: Params) -> list[torch.Tensor]:
    """What the receiver shows (images,3,32,32) without attack and at each power along `direction` (images, N)."""
    evaluation, uses = params.evaluation, system.real_uses
    snr_db = evaluation.gallery_snr_db
    noise = channel_noise(params.seed, snr_db, 0, len(images), uses)
    received = awgn(system.encode(images).codewords, snr_db, noise)
    unit = direction / direction.norm(dim=1, keepdim=True).clamp_min(torch.finfo(direction.dtype).tiny)
    powers = [0.0, *(power_from_psr_db(psr, uses) for psr in evaluation.gallery_psr_db)]
    return [system.decode(received + power**0.5 * unit, noise_variance(snr_db)).images for power in powers]


def _pixels(images: torch.Tensor) -> Pixels:
    return np.asarray((images * 255.0).round().to(torch.uint8).permute(0, 2, 3, 1).numpy())


def run(params: Params, command: list[str]) -> None:
    """Write the gallery's pictures as one npz file; `viz` only draws them."""
    layout = Layout(params.run)
    making = Making(jobs.gallery(params), command)
    torch.set_num_threads(params.compute.job_threads)
    dataset = making.uses(layout.dataset(), jobs.dataset(params))
    test = load_split(dataset.parent, "test").images[: params.evaluation.gallery_images]
    originals = torch.from_numpy(test.copy()).float() / 255.0
    pictures, quality, attacks, shown_systems = [], [], [], []
    for name in params.attacked():
        system = restore(params, name, making)
        if not system.encode(originals).feasible.any():
            continue  # its budget carries no image, so there is nothing to show
        shown_systems.append(name)
        attack, direction = strongest(params, name, making)
        shown = show(system, originals, direction, params)
        pictures.append(np.stack([_pixels(images) for images in shown], axis=1))
        quality.append(np.stack([psnr_db(mean_squared_error(images, originals)).numpy() for images in shown], axis=1))
        attacks.append(attack)
    if not pictures:
        raise ArtifactError("not one system can send the gallery's images within its bit budget: raise link.real_uses")
    output = layout.gallery()
    with files.replacing(output) as temporary:
        np.savez(
            temporary,
            images=np.stack(pictures),
            originals=_pixels(originals),
            psnr_db=np.stack(quality),
            psr_db=np.array(params.evaluation.gallery_psr_db),
            snr_db=np.array(params.evaluation.gallery_snr_db),
            systems=np.array(shown_systems),
            attacks=np.array(attacks),
        )
    making.finish(output, [output])
