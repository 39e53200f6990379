"""Decode vectors again: those of a submission, and those that a run has stored.

No number of a file is believed: which images are broken is what decoding says here, over the same noise as in the
run, and powers are those of the vectors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file

from semrobust.attacks.base import as_it_is
from semrobust.config.params import Params
from semrobust.config.problems import show
from semrobust.config.settings import Plain
from semrobust.errors import UsageError
from semrobust.measure.aim import aim
from semrobust.measure.attack import rows
from semrobust.measure.images import TestImages
from semrobust.measure.names import split
from semrobust.measure.submission import Submission, Vectors
from semrobust.measure.vectors import VECTORS, at
from semrobust.pipeline import record, select
from semrobust.pipeline.plan import Artifact, Plan
from semrobust.pipeline.work import finished
from semrobust.systems.base import System
from semrobust.systems.checkpoint import restore
from semrobust.systems.distortion import mse_from_psnr_db

_LINE = 300  # characters

ROUNDING = 1e-4
"""By which share a mean that was found may exceed what is claimed."""


@dataclass(frozen=True)
class Bench:
    """A system of a run, ready to be attacked on the images that its tables of attacks are over.

    `against`: what a submission says of it (`submission.Against`).
    """

    system: System
    images: torch.Tensor
    against: Plain
    snr_db: Sequence[float]
    batch: int

    @classmethod
    def of(cls, plan: Plan, params: Params, name: str) -> Bench:
        """Raises UsageError for a system that is not attacked, ArtifactError where network or dataset is not here."""
        known = params.in_pairs("image")
        if name not in known:
            raise UsageError(f"no attack of these params is run on '{name}'; on these some are: {', '.join(known)}")
        model = finished(plan, f"train/{name}")
        dataset = finished(plan, f"dataset/{params.data.source}")
        torch.set_num_threads(params.compute.job_threads)  # as the step `attack`: sums are then the same
        (checkpoint,) = model.record["outputs"].values()
        against = {
            "run": params.run,
            "system": name,
            "settings": select.system(params, name),
            "checkpoint_sha256": checkpoint,
            "dataset_digest": dataset.record["dataset"]["digest"],
            "real_uses": params.link.real_uses,
            "seed": params.seed,
            "success_psnr_db": params.evaluation.success_psnr_db,
        }
        most = max(params.attack_images(*pair) for pair in params.pairs() if pair[0] == name)
        images = TestImages.read(dataset.artifact.stem, most).images
        return cls(restore(model), images, against, params.attack_snr_db(), params.evaluation.batch)

    def decoded(self, found: Vectors, images: Sequence[int] | None = None) -> pd.DataFrame:
        """Rows as in `measure.attack.rows` of vectors (images, N) by SNR, as they are, on these test images (all)."""
        numbers = torch.arange(len(self.images))
        chosen = numbers if images is None else torch.tensor(images)
        threshold = mse_from_psnr_db(self.against["success_psnr_db"])
        parts = []
        for batch in torch.split(numbers, self.batch):
            here = chosen[torch.isin(chosen, batch)]
            if not len(here):
                continue
            pictures, start = self.images[batch], int(batch[0])
            sent = self.system.send(pictures)
            for snr_db, tensor in found.items():
                target = aim(self.system, pictures, sent, start, snr_db, threshold, self.against["seed"])
                target = target.take(here - start)
                result = as_it_is(target, tensor[torch.isin(chosen, batch)])
                parts.append(rows(target, result, here.tolist(), snr_db))
        return pd.concat(parts).sort_values(["snr_db", "image"], ignore_index=True)

    def differences(self, submission: Submission) -> list[str]:
        """In what a submission was made for something else: nothing of it can then be compared with the run."""
        theirs, found = submission.against.model_dump(), []
        for key, ours in self.against.items():
            if key == "settings" and theirs[key] != ours:
                found.append(f"against.{record.difference(theirs[key], ours, key)[:_LINE]}")
            elif theirs[key] != ours:
                found.append(f"against.{key}: {show(theirs[key])}, here {show(ours)}")
        here = ", ".join(f"{snr:g}" for snr in self.snr_db)
        found += [f"claims: {snr:g} dB, here {here}" for snr in submission.snr_db if snr not in self.snr_db]
        if submission.images[-1] >= len(self.images):
            found.append(f"images: {submission.images[-1]}, here the first {len(self.images)} are attacked")
        return found


def judged(submission: Submission, found: pd.DataFrame) -> pd.DataFrame:
    """One row per SNR: what is claimed, what was found, how many vectors are `empty`, and whether the claim `holds`."""
    judged = []
    for claim in submission.claims:
        at_snr = found[found["snr_db"] == claim.snr_db]
        broken, mean = int(at_snr["success"].sum()), float(at_snr["power_total"].mean())
        zeros = int(empty(at_snr).sum())
        most = claim.power_total_mean * (1 + ROUNDING)
        judged.append({
            "snr_db": claim.snr_db,
            "n_images": len(at_snr),
            "claimed_broken": claim.broken,
            "broken": broken,
            "claimed_power_total_mean": claim.power_total_mean,
            "power_total_mean": mean,
            "empty": zeros,
            "holds": not zeros and broken >= claim.broken and mean <= most,
        })  # fmt: skip
    return pd.DataFrame(judged)


def empty(found: pd.DataFrame) -> pd.Series[bool]:
    """Where the vector is 0, and noise alone does not break the image: it says nothing, and would lower the mean."""
    return ~found["success"] & (found["power_total"] == 0)


def claims(found: pd.DataFrame) -> list[Plain]:
    """What can be claimed of rows that were decoded."""
    return [
        {"snr_db": snr_db, "broken": int(rows["success"].sum()), "power_total_mean": float(rows["power_total"].mean())}
        for snr_db, rows in found.groupby("snr_db")
    ]


def attacks_on(plan: Plan, system: str) -> list[Artifact]:
    """What the run knows of the attacks on a system."""
    return [each for each in plan if each.kind == "attack" and split(each.name)[0] == system]


def again(bench: Bench, plan: Plan, snr_db: float) -> tuple[int, int]:
    """Of the images that the run calls broken at an SNR, how many are when the cheapest stored vector is decoded again,
    at the power that was recorded; and how many it calls so.

    Raises ArtifactError where samples are not here, or were altered.
    """
    sources = [finished(plan, each.address) for each in attacks_on(plan, bench.against["system"])]
    tables = []
    for place, source in enumerate(sources):
        table = pd.read_parquet(source.path())
        table = table[table["snr_db"] == snr_db].sort_values("image")
        power = np.where(table["success"], table["power_total"], np.inf)
        tables.append(
            pd.DataFrame({"image": table["image"], "power": power, "source": place, "row": range(len(table))})
        )
    every = pd.concat(tables).sort_values(["image", "power"], kind="stable")  # some attacks are tried on more images
    cheapest = every.drop_duplicates("image", ignore_index=True)
    stored = [load_file(source.path(VECTORS))[at(snr_db)] for source in sources]
    vectors = torch.stack([stored[place][row] for place, row in zip(cheapest["source"], cheapest["row"], strict=True)])
    found = bench.decoded({snr_db: vectors}, cheapest["image"].tolist())
    same = found["success"] & np.isclose(found["power_total"], cheapest["power"], rtol=ROUNDING)
    broken = np.isfinite(cheapest["power"])
    return int((same & broken).sum()), int(broken.sum())
