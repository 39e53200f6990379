"""Attack SYSTEM, a classifier, by NOISE that knows its defence: an entry of `recognition.adaptive`.

The noise is made and tried in one job, on the draws that `accuracy` uses, so that all noise is compared image by image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from semrobust.config.noise import NoiseSweepSettings
from semrobust.config.settings import ChannelSettings, Plain
from semrobust.measure.accuracy import Link, Receiver, error_free
from semrobust.measure.images import TestImages
from semrobust.measure.names import split
from semrobust.measure.noise import noise_on, versions_of
from semrobust.phy.air import Air
from semrobust.pipeline import seeds, select
from semrobust.pipeline.step import Need, Step
from semrobust.pipeline.work import Work
from semrobust.systems.checkpoint import restore_classifier
from semrobust.systems.draw import Draw

if TYPE_CHECKING:
    from semrobust.config.params import Params
    from semrobust.pipeline.plan import Artifact

_MEASURES = ("loss_before", "loss_after", "rise", "zero_gradient")


def needs(params: Params, name: str) -> list[Need]:
    return [("dataset", params.data.source), ("train", split(name)[0])]


def settings(params: Params, name: str) -> Plain:
    given = params.recognition
    noise = select.adaptive(params, split(name)[1])
    channels = {given.channel, *([noise["through"]] if noise["through"] is not None else [])}
    return {
        "noise": noise,
        "channels": {channel: select.channel(params, channel) for channel in sorted(channels)},
        "channel": given.channel,
        "at_snr_db": given.at_snr_db,
        "images": given.adaptive_images,
        "batch": given.batch,
        "seed": params.seed,
        "threads": params.compute.job_threads,
    }


def make(work: Work) -> None:
    """Write one row per image, budget and link: whether it is classified correctly, and what the attacker measured.

    Links: nothing lost, and where accuracy is measured over ε, if images go over the air. Measures as `SemanticNoise`.
    """
    torch.set_num_threads(work.threads)
    given, name = work.settings, split(work.artifact.name)[1]
    noise = NoiseSweepSettings.model_validate({"label": name, **given["noise"]})
    system = restore_classifier(work.input("train"))
    system.temperature = noise.temperature
    test = TestImages.of(work, given["images"])
    receiver = Receiver(system, test, given["batch"], work.seed)
    snr_db = given["at_snr_db"]
    airs = {
        channel: Air.of(ChannelSettings.model_validate({"label": channel, **described}), snr_db)
        for channel, described in given["channels"].items()
    }
    links = [error_free(), *([Link(given["channel"], snr_db, airs[given["channel"]])] if receiver.sends else [])]
    through = None if noise.through is None else airs[noise.through]
    seed = seeds.integer(work.seed, "semantic noise")
    batches = list(test.batches(given["batch"]))
    progress = tqdm(total=len(noise.epsilon_levels) * len(batches), desc=work.artifact.name, disable=None)
    parts = []
    for level in noise.epsilon_levels:
        found = []
        for numbers in batches:
            draw = Draw(seed, numbers, public_masks=not noise.guessed_masks).named(name)
            found.append(noise_on(system, noise, level, through, test, draw))
            progress.update()
        noisy = torch.cat([one.images for one in found])
        measures = {key: torch.cat([getattr(one, key) for one in found]).float().numpy() for key in _MEASURES}
        for link in links:
            with torch.no_grad():
                right = receiver.right(noisy, link).numpy()
            where = {"image": np.arange(len(test)), "channel": link.channel, "snr_db": link.snr_db}
            parts.append(pd.DataFrame(where | {"norm": noise.norm, "level": level, "right": right} | measures))
    progress.close()
    with work.output() as path:
        pd.concat(parts, ignore_index=True).to_parquet(path, index=False)


def says(artifact: Artifact) -> str:
    """How many images are classified correctly at each budget."""
    table = pd.read_parquet(artifact.path())
    shares = table[table["snr_db"].isna()].groupby("level")["right"].mean()
    return ", ".join(f"{share:.1%} right at {level:g} levels" for level, share in shares.items())


STEP = Step(
    kind="adaptive",
    stage="samples",
    folder="samples/adaptive",
    files=(".parquet",),
    names=lambda params: [".".join(pair) for pair in params.adaptive_pairs()],
    needs=needs,
    settings=settings,
    versions=lambda params, name: {
        "adaptive": 1,
        **versions_of([params.recognition.adaptive.noise[split(name)[1]].kind]),
    },
    make=make,
    says=says,
    gpu=lambda *_: True,
    memory_mb=3500,
    minutes=240,
)
