"""Quality of test images over every channel of the params, without an attacker: what fading costs each system."""

from __future__ import annotations

import pandas as pd
import torch
from tqdm import tqdm

from semrobust.codecs.stored import StoredCodec
from semrobust.config.params import Params
from semrobust.data.splits import load_split
from semrobust.phy.air import Air
from semrobust.pipeline import files, jobs, seeds
from semrobust.pipeline.layout import Layout
from semrobust.pipeline.record import Making
from semrobust.systems.base import Sent, System, grey_images
from semrobust.systems.checkpoint import restore
from semrobust.systems.classical import ClassicalSystem
from semrobust.systems.distortion import mean_squared_error, psnr_db
from semrobust.systems.draw import Draw
from semrobust.systems.over_air import decode_over


def measure(system: System, images: torch.Tensor, sent: Sent, air: Air, draw: Draw) -> pd.DataFrame:
    """One row per image (B,3,32,32) of a batch over one channel; what does not fit the budget is shown as mid-grey."""
    shown, failed = grey_images(len(images)), torch.ones(len(images))
    rows = sent.feasible.nonzero().squeeze(1)
    if len(rows):
        decoded = decode_over(system, sent.codewords[rows], air, draw.take(rows))
        shown[rows], failed[rows] = decoded.images, decoded.failed.float()
    quality = psnr_db(mean_squared_error(shown, images)).double()
    return pd.DataFrame(
        {"image": draw.numbers, "psnr_db": quality, "failed": failed.double(), "infeasible": ~sent.feasible}
    )


def run(params: Params, name: str, command: list[str]) -> None:
    """Evaluate the system `name` over all channels and SNRs and write its per-image table."""
    layout, count = Layout(params.run), params.recognition.images
    making = Making(jobs.fading(params, name), command)
    torch.set_num_threads(params.compute.job_threads)
    dataset = making.uses(layout.dataset(), jobs.dataset(params))
    system = restore(params, name, making)
    if isinstance(system, ClassicalSystem):
        system.codec = StoredCodec(system.codec, layout.sources())
    test = load_split(dataset.parent, "test").images
    parts = []
    # whole batches, as the clean evaluation has them, find their stored encodes
    starts = range(0, count, params.evaluation.batch)
    progress = tqdm(total=len(starts) * len(params.channels), desc=f"fading {name}", unit="sweep", disable=None)
    for start in starts:
        images = torch.from_numpy(test[start : start + params.evaluation.batch].copy()).float() / 255.0
        sent = system.encode(images)
        numbers = torch.arange(start, start + len(images))
        for channel, settings in params.channels.items():
            for snr_db in params.link.snr_db:
                draw = Draw(seeds.integer(params.seed, "fading", float(snr_db)), numbers)
                rows = measure(system, images, sent, Air.of(settings, snr_db), draw)
                parts.append(rows[rows["image"] < count].assign(channel=channel, snr_db=snr_db))
            progress.update()
    progress.close()
    table = pd.concat(parts).sort_values(["channel", "snr_db", "image"], ignore_index=True)
    output = layout.fading(name)
    with files.replacing(output) as temporary:
        table.to_parquet(temporary, index=False)
    making.finish(output, [output])
