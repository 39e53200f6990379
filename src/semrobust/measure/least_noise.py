"""Search the least semantic noise that breaks what SYSTEM reconstructs, or makes it misclassify.

The counterpart of `attack`: there the energy on the air is as small as can be, here the norm of what is added to the
image before anything is sent. Noise is made as if nothing were lost on the air, and judged over the channel.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch
from tqdm import tqdm

from semrobust.attacks.image.classifier import Classifier
from semrobust.attacks.image.noise_ball import LEVELS
from semrobust.attacks.image.semantic_noise import SemanticNoise
from semrobust.attacks.image.threshold import FINE, Threshold
from semrobust.config.noise import NoiseSweepSettings
from semrobust.config.settings import ChannelSettings, Plain
from semrobust.measure.images import TestImages
from semrobust.measure.noise import noise_by, versions_of
from semrobust.phy.air import Air
from semrobust.phy.channel import awgn, channel_noise
from semrobust.phy.power import noise_variance
from semrobust.pipeline import memory, seeds
from semrobust.pipeline.select import without
from semrobust.pipeline.step import Need, Step
from semrobust.pipeline.work import Work
from semrobust.systems.base import System
from semrobust.systems.checkpoint import restore
from semrobust.systems.classification import ClassifyingSystem
from semrobust.systems.distortion import mean_squared_error, mse_from_psnr_db
from semrobust.systems.draw import Draw, Randomness, over_air

if TYPE_CHECKING:
    from semrobust.config.params import Params

Broken = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""(images (b,3,H,W), their numbers (b,)) -> whether the receiver fails on each, bool (b,), over its channel."""


def least(
    make_noise: Callable[[float, torch.Tensor], SemanticNoise],
    broken: Broken,
    clean: torch.Tensor,
    noise: NoiseSweepSettings,
    bisections: int,
    batch: int,
) -> pd.DataFrame:
    """One row per image (n,3,H,W): `success`, and `level`, 255 ||Δ||_p of the least noise that broke it.

    Budgets rise along `noise.epsilon_levels` until an image is broken, then the interval below is bisected, for p = ∞
    at whole levels alone. Only noise that was seen to break the image counts, by its own norm; an image that withstands
    all has the largest budget. One that is broken without noise needs 0. `make_noise` gets a budget in levels and the
    numbers of images.
    """
    everywhere = torch.arange(len(clean))
    success = torch.cat([broken(clean[rows], rows) for rows in torch.split(everywhere, batch)])
    level = torch.where(success, 0.0, noise.epsilon_levels[-1]).double()
    blind = torch.full((len(clean),), torch.nan, dtype=torch.float64)
    low, high = torch.zeros_like(level), torch.zeros_like(level)

    def attempt(budget: float, chosen: torch.Tensor) -> None:
        for rows in torch.split(chosen, batch):
            made = make_noise(budget, rows)
            won, size = broken(made.images, rows), LEVELS * made.norm
            better = won & (~success[rows] | (size < level[rows]))
            level[rows[better]] = size[better]
            success[rows[won]] = True
            high[rows[won]], low[rows[~won]] = budget, budget
            blind[rows] = torch.where(made.zero_gradient.isnan(), torch.nan, (made.zero_gradient == 1).double())

    for budget in noise.epsilon_levels:
        rows = (~success).nonzero().squeeze(1)
        if len(rows):
            attempt(budget, rows)
    for _ in range(bisections):
        middle = (low + high) / 2
        if noise.norm == "linf":
            middle = middle.floor()
        active = (high > 0) & (middle > low)
        for budget in torch.unique(middle[active]).tolist():
            attempt(budget, (active & (middle == budget)).nonzero().squeeze(1))
    columns = {"image": everywhere, "success": success, "level": level, "vanished": blind}
    return pd.DataFrame({name: values.numpy() for name, values in columns.items()})


def shows_broken(system: System[Any], originals: torch.Tensor, snr_db: float, threshold: float, seed: int) -> Broken:
    """Whether the reconstruction is broken, over the noise that the image meets when nobody attacks."""
    noise = channel_noise(seed, snr_db, 0, len(originals), system.real_uses)

    def broken(images: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
        received = awgn(system.send(images).codewords, snr_db, noise[numbers])
        shown = system.decode(received, noise_variance(snr_db)).images
        return mean_squared_error(shown, originals[numbers]) >= threshold

    return broken


def names_wrong(system: ClassifyingSystem[Any], labels: torch.Tensor, snr_db: float, seed: int) -> Broken:
    """Whether an image is misclassified, over the draws that `accuracy` uses."""
    air = Air.of(ChannelSettings(label="AWGN", fading="awgn"), snr_db)

    def broken(images: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            return system.logits(images, air, over_air(seed, snr_db, numbers)).argmax(1) != labels[numbers]

    return broken


def needs(params: Params, name: str) -> list[Need]:
    return [("dataset", params.data.source), ("train", name)]


def settings(params: Params, name: str) -> Plain:
    given = params.section("threats")
    shared = {
        "noise": {noise: without(given["noise"][noise], "label") for noise in params.least_noise(name)},
        "order": params.least_noise(name),
        "bisections": given["bisections"],
        "images": params.threat_images(),
        "snr_db": params.threat_snr_db(),
        "batch": params.recognition.batch,
        "seed": params.seed,
        "threads": params.compute.job_threads,
    }
    if params.task(name) == "class":
        return shared
    return shared | {"success_psnr_db": params.evaluation.success_psnr_db}


def make(work: Work) -> None:
    """Write one row per noise and image, as `least` says, with `noise` and `norm`."""
    torch.set_num_threads(work.threads)
    memory.keep()
    given, system = work.settings, restore(work.input("train"))
    test = TestImages.of(work, given["images"])
    labels, broken = _question(work, system, test)
    seed, parts = seeds.integer(work.seed, "semantic noise"), []
    for name in tqdm(given["order"], desc=f"least noise on {work.artifact.name}", disable=None):
        noise = NoiseSweepSettings.model_validate({"label": name, **given["noise"][name]})
        classify = _classifier(work, system, test, noise)

        def make_noise(
            budget: float,
            rows: torch.Tensor,
            name: str = name,
            noise: NoiseSweepSettings = noise,
            classify: Classifier = classify,
        ) -> SemanticNoise:
            draw = Draw(seed, rows, public_masks=not noise.guessed_masks).named(name)
            return noise_by(classify, noise, budget, test.images[rows], labels[rows], draw)

        found = least(make_noise, broken, test.images, noise, given["bisections"], given["batch"])
        parts.append(found.assign(noise=name, norm=noise.norm))
    with work.output() as path:
        pd.concat(parts, ignore_index=True).to_parquet(path, index=False)


def _question(work: Work, system: System[Any], test: TestImages) -> tuple[torch.Tensor, Broken]:
    """What the attacker must keep the receiver from answering, (n,) int64, and whether he did."""
    given = work.settings
    if isinstance(system, ClassifyingSystem):
        return test.labels, names_wrong(system, test.labels, given["snr_db"], work.seed)
    threshold = mse_from_psnr_db(given["success_psnr_db"])
    return torch.full_like(test.labels, FINE), shows_broken(system, test.images, given["snr_db"], threshold, work.seed)


def _classifier(work: Work, system: System[Any], test: TestImages, noise: NoiseSweepSettings) -> Classifier:
    """What the attacker differentiates or asks: nothing is lost on the air."""
    if not isinstance(system, ClassifyingSystem):
        return Threshold(system, test.images, mse_from_psnr_db(work.settings["success_psnr_db"]), noise.temperature)
    system.temperature = noise.temperature

    def named(images: torch.Tensor, draw: Randomness, /) -> torch.Tensor:
        return system.logits(images, None, draw)

    return named


STEP = Step(
    kind="least_noise",
    stage="samples",
    folder="samples/least_noise",
    files=(".parquet",),
    names=lambda params: params.threatened(),
    needs=needs,
    settings=settings,
    versions=lambda params, name: {
        "least_noise": 1,
        **versions_of([params.threats.noise[noise].kind for noise in params.least_noise(name)]),
    },
    make=make,
    gpu=lambda *_: True,
    minutes=240,
)
