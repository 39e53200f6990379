"""Quality of every test image over all SNRs, without an attacker."""

from __future__ import annotations

import pandas as pd
import torch
from tqdm import tqdm

from semrobust.codecs.stored import StoredCodec
from semrobust.config.params import Params
from semrobust.data.splits import load_split
from semrobust.measure.similarity import ssim
from semrobust.phy.channel import awgn, channel_noise
from semrobust.phy.power import noise_variance
from semrobust.pipeline import files, jobs
from semrobust.pipeline.layout import Layout
from semrobust.pipeline.record import Making
from semrobust.systems.base import System, grey_images
from semrobust.systems.checkpoint import restore
from semrobust.systems.classical import ClassicalSystem
from semrobust.systems.distortion import mean_squared_error, psnr_db


def measure(system: System, images: torch.Tensor, start: int, snr_db: list[float], root_seed: int) -> pd.DataFrame:
    """One row per (image, SNR) of a batch; `images` (B,3,32,32) in [0,1] are the test images from number `start` on.

    An image that does not fit the bit budget is not decoded: the receiver can only show mid-grey.
    """
    sent = system.encode(images)
    stop = start + len(images)
    rows = []
    before, similarity = torch.full_like(images, torch.nan), torch.zeros(len(images))
    for snr in snr_db:
        noise = channel_noise(root_seed, snr, start, stop, system.real_uses)
        shown, failed = grey_images(len(images)), torch.ones(len(images))
        block_error = torch.full((len(images),), torch.nan)
        fits = sent.feasible
        if fits.any():
            decoded = system.decode(awgn(sent.codewords[fits], snr, noise[fits]), noise_variance(snr))
            shown[fits], failed[fits] = decoded.images, decoded.failed.float()
            if sent.message is not None and decoded.message is not None:
                block_error[fits] = (sent.message[fits] != decoded.message).any(dim=1).float()
        new = (shown != before).flatten(1).any(dim=1)  # a bit-based receiver shows the same picture at many SNRs
        similarity[new] = ssim(shown[new], images[new])
        before = shown
        rows.append(
            pd.DataFrame(
                {
                    "image": range(start, stop),
                    "snr_db": snr,
                    "psnr_db": psnr_db(mean_squared_error(shown, images)).double().numpy(),
                    "ssim": similarity.double().numpy(),
                    "block_error": block_error.double().numpy(),
                    "failed": failed.double().numpy(),
                    "infeasible": ~fits.numpy(),
                }
            )
        )
    return pd.concat(rows, ignore_index=True)


def run(params: Params, name: str, command: list[str]) -> None:
    """Evaluate the system `name` on all test images and write its per-image table."""
    layout = Layout(params.run)
    making = Making(jobs.clean(params, name), command)
    torch.set_num_threads(params.compute.job_threads)
    dataset = making.uses(layout.dataset(), jobs.dataset(params))
    system = restore(params, name, making)
    if isinstance(system, ClassicalSystem):
        system.codec = StoredCodec(system.codec, layout.sources())
    test = load_split(dataset.parent, "test").images
    parts = []
    for start in tqdm(range(0, len(test), params.evaluation.batch), f"clean {name}", unit="batch", disable=None):
        images = torch.from_numpy(test[start : start + params.evaluation.batch].copy()).float() / 255.0
        parts.append(measure(system, images, start, params.link.snr_db, params.seed))
    table = pd.concat(parts).sort_values(["snr_db", "image"], ignore_index=True)
    output = layout.clean(name)
    with files.replacing(output) as temporary:
        table.to_parquet(temporary, index=False)
    making.finish(output, [output], {"budget": system.budget()})
