"""Measure every test image sent by SYSTEM over all SNRs, without an attacker."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import torch
from tqdm import tqdm

from semrobust.config.settings import Plain
from semrobust.measure.images import TestImages
from semrobust.phy.channel import awgn, channel_noise
from semrobust.phy.power import noise_variance
from semrobust.pipeline.numbers import span
from semrobust.pipeline.step import Step
from semrobust.pipeline.work import Work
from semrobust.systems.base import System
from semrobust.systems.checkpoint import restore
from semrobust.systems.distortion import mean_squared_error

if TYPE_CHECKING:
    from semrobust.config.params import Params
    from semrobust.pipeline.plan import Artifact


def measure(system: System, images: torch.Tensor, start: int, snr_db: list[float], root_seed: int) -> pd.DataFrame:
    """One row per (image, SNR) of a batch; `images` (B,C,H,W) in [0,1] are the test images from number `start` on.

    An image that does not fit the bit budget is not decoded: the receiver reconstructs nothing (mid-grey).
    """
    sent = system.send(images)
    stop = start + len(images)
    rows = []
    measured: dict[str, torch.Tensor]
    source, before, measured = system.source, torch.full_like(images, torch.nan), {}
    for snr in snr_db:
        noise = channel_noise(root_seed, snr, start, stop, system.real_uses)
        shown, failed = source.nothing(images), torch.ones(len(images))
        block_error = torch.full((len(images),), torch.nan)
        fits = sent.feasible
        if fits.any():
            decoded = system.decode(awgn(sent.codewords[fits], snr, noise[fits]), noise_variance(snr))
            shown[fits], failed[fits] = decoded.images, decoded.failed.float()
            if sent.message is not None and decoded.message is not None:
                block_error[fits] = (sent.message[fits] != decoded.message).any(dim=1).float()
        new = (shown != before).flatten(1).any(dim=1)  # a bit-based receiver has the same image at many SNRs
        found = source.measures(shown[new], images[new], mean_squared_error(shown, images)[new])
        for name, values in found.items():
            measured.setdefault(name, torch.zeros(len(images)))[new] = values
        before = shown
        rows.append(
            pd.DataFrame(
                {
                    "image": range(start, stop),
                    "snr_db": snr,
                    **{name: values.double().numpy() for name, values in measured.items()},
                    "block_error": block_error.double().numpy(),
                    "failed": failed.double().numpy(),
                    "infeasible": ~fits.numpy(),
                }
            )
        )
    return pd.concat(rows, ignore_index=True)


def settings(params: Params, _: str) -> Plain:
    return {
        "snr_db": params.link.snr_db,
        "batch": params.evaluation.batch,
        "seed": params.seed,
        "threads": params.compute.job_threads,
    }


def make(work: Work) -> None:
    """Write the table of `measure` for all test images."""
    torch.set_num_threads(work.threads)
    name, snr_db = work.artifact.name, work.settings["snr_db"]
    system = restore(work.input("train"))
    system.keep_encodes(work.shared)
    test = TestImages.of(work, source=system.source)
    parts = [
        measure(system, test.images[numbers], int(numbers[0]), snr_db, work.seed)
        for numbers in tqdm(list(test.batches(work.settings["batch"])), f"clean {name}", unit="batch", disable=None)
    ]
    table = pd.concat(parts).sort_values(["snr_db", "image"], ignore_index=True)
    with work.output() as path:
        table.to_parquet(path, index=False)
    work.details["budget"] = system.budget()


def says(artifact: Artifact) -> str:
    """How good reconstructions are over the SNRs."""
    table = pd.read_parquet(artifact.path())
    name = next(name for name in ("psnr_db", "nmse_db") if name in table)
    quality = table.groupby("snr_db")[name].mean()
    return f"{table['image'].nunique()} samples at {len(quality)} SNRs, mean {name} {span(quality)}"


STEP = Step(
    kind="clean",
    stage="samples",
    folder="samples/clean",
    files=(".parquet",),
    names=lambda params: params.showing(),
    needs=lambda params, name: [("dataset", params.dataset(name)), ("train", name)],
    settings=settings,
    versions=lambda *_: {"clean": 1},
    make=make,
    says=says,
    minutes=30,
)
