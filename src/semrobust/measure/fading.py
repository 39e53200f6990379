"""Measure test images sent by SYSTEM over every channel and SNR, without an attacker."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import torch
from tqdm import tqdm

from semrobust.config.settings import ChannelSettings, Plain
from semrobust.measure.images import TestImages
from semrobust.phy.air import Air
from semrobust.pipeline import seeds, select
from semrobust.pipeline.step import Step
from semrobust.pipeline.work import Work
from semrobust.systems.base import GREY, Sent, System
from semrobust.systems.checkpoint import restore
from semrobust.systems.distortion import mean_squared_error, psnr_db
from semrobust.systems.draw import Draw
from semrobust.systems.over_air import decode_over

if TYPE_CHECKING:
    from semrobust.config.params import Params


def measure(system: System, images: torch.Tensor, sent: Sent, air: Air, draw: Draw) -> pd.DataFrame:
    """One row per image (B,3,32,32) of a batch over one channel; what does not fit the budget becomes mid-grey."""
    shown, failed = torch.full_like(images, GREY), torch.ones(len(images))
    rows = sent.feasible.nonzero().squeeze(1)
    if len(rows):
        decoded = decode_over(system, sent.codewords[rows], air, draw.take(rows))
        shown[rows], failed[rows] = decoded.images, decoded.failed.float()
    quality = psnr_db(mean_squared_error(shown, images)).double()
    return pd.DataFrame(
        {"image": draw.numbers, "psnr_db": quality, "failed": failed.double(), "infeasible": ~sent.feasible}
    )


def settings(params: Params, _: str) -> Plain:
    return {
        "snr_db": params.link.snr_db,
        "channels": {name: select.channel(params, name) for name in params.channels},
        "order": list(params.channels),
        "images": params.evaluation.fading_images,
        "batch": params.evaluation.batch,
        "seed": params.seed,
        "threads": params.compute.job_threads,
    }


def make(work: Work) -> None:
    """Write the table of `measure` for all channels and SNRs."""
    torch.set_num_threads(work.threads)
    given, count = work.settings, work.settings["images"]
    system = restore(work.input("train"))
    system.keep_encodes(work.shared)
    test = TestImages.of(work)
    channels = {
        name: ChannelSettings.model_validate({"label": name, **given["channels"][name]}) for name in given["order"]
    }
    parts = []
    # whole batches, as the clean measurement has them, find their stored encodes
    batches = [numbers for numbers in test.batches(given["batch"]) if int(numbers[0]) < count]
    progress = tqdm(total=len(batches) * len(channels), desc=f"fading {work.artifact.name}", unit="sweep", disable=None)
    for numbers in batches:
        images = test.images[numbers]
        sent = system.send(images)
        for channel, described in channels.items():
            for snr_db in given["snr_db"]:
                draw = Draw(seeds.integer(work.seed, "fading", float(snr_db)), numbers)
                rows = measure(system, images, sent, Air.of(described, snr_db), draw)
                parts.append(rows[rows["image"] < count].assign(channel=channel, snr_db=snr_db))
            progress.update()
    progress.close()
    table = pd.concat(parts).sort_values(["channel", "snr_db", "image"], ignore_index=True)
    with work.output() as path:
        table.to_parquet(path, index=False)


STEP = Step(
    kind="fading",
    stage="samples",
    folder="samples/fading",
    files=(".parquet",),
    names=lambda params: params.attacked(),
    needs=lambda params, name: [("dataset", params.data.source), ("train", name)],
    settings=settings,
    versions=lambda *_: {"fading": 1},
    make=make,
    memory_mb=2000,
)
