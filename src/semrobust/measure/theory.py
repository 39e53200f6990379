"""Compare the attacks on SYSTEM with theory: slopes of its receiver, or decision boundaries of its code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from tqdm import tqdm

from semrobust.attacks.base import Target
from semrobust.attacks.code.words import words_of
from semrobust.config.registry import SYSTEMS
from semrobust.config.searches import TheorySettings
from semrobust.config.settings import Plain
from semrobust.measure.aim import aim
from semrobust.measure.attack import structure_of
from semrobust.measure.images import TestImages
from semrobust.measure.slopes import slopes
from semrobust.measure.vectors import weakest
from semrobust.pipeline.step import Need, Step
from semrobust.pipeline.work import Work
from semrobust.systems.checkpoint import restore
from semrobust.systems.distortion import mse_from_psnr_db
from semrobust.theory.boundary import codeword_power, stopping_power
from semrobust.theory.certificates import certificate
from semrobust.theory.jacobian import steepest_on_path

if TYPE_CHECKING:
    from semrobust.config.params import Params

Columns = dict[str, npt.NDArray[np.float64]]
_EMPTY = ("certified", "spectral", "converged", "frobenius_squared", "path", "codeword_power", "stopping_power")


def needs(params: Params, name: str) -> list[Need]:
    found = [("dataset", params.data.source), ("train", name)]
    found += [("attack", ".".join(pair)) for pair in params.pairs() if pair[0] == name]
    if params.systems[name].code_identity(params.link) is not None:
        found.append(("structure", params.same_code(name)))
    return found


def settings(params: Params, _: str) -> Plain:
    return {
        "snr_db": params.attack_snr_db(),
        "theory": params.section("theory"),
        "images": params.evaluation.attack_images,
        "success_psnr_db": params.evaluation.success_psnr_db,
        "batch": params.evaluation.batch,
        "seed": params.seed,
        "threads": params.compute.job_threads,
    }


def make(work: Work) -> None:
    """Write one row per SNR and attacked image: clean distortion, slopes or boundary distances; NaN where unknown.

    Columns: `clean_mse` D₀ per value, of this transmission; `certified` G, `spectral` and `converged` (0 or 1), the
    local norm at what is received; `frobenius_squared` there; `path`, the steepest piece of the way to the weakest
    successful attack; `codeword_power` and `stopping_power`, see `theory.boundary`.
    """
    torch.set_num_threads(work.threads)
    given, theory = work.settings, TheorySettings.model_validate(work.settings["theory"])
    system, structure = restore(work.input("train")), structure_of(work)
    test, vectors, constant = TestImages.of(work, given["images"]), weakest(work), certificate(system)
    threshold, parts = mse_from_psnr_db(given["success_psnr_db"]), []
    for numbers in test.batches(given["batch"]):
        start, images = int(numbers[0]), test.images[numbers]
        sent = system.send(images)
        for snr_db in tqdm(given["snr_db"], desc=f"theory of {work.artifact.name}", disable=None):
            target = aim(system, images, sent, start, snr_db, threshold, work.seed, structure)
            columns = dict.fromkeys(_EMPTY, np.full(len(images), np.nan))
            columns["clean_mse"] = target.distortion(torch.zeros_like(target.received)).double().numpy()
            if "gradient" in system.capabilities:
                columns |= slopes(theory, work.seed, target, start, snr_db)
                columns["path"] = _path(target, vectors[snr_db][numbers], theory.path_points)
            if structure is not None:
                columns |= _boundaries(target)
            if constant is not None:
                columns["certified"] = np.full(len(images), constant.value)
            parts.append(pd.DataFrame({"image": numbers.numpy(), "snr_db": snr_db} | columns))
    table = pd.concat(parts).sort_values(["snr_db", "image"], ignore_index=True)
    with work.output() as path:
        table.to_parquet(path, index=False)
    if constant is not None:
        work.details["certificate"] = constant.method


def _path(target: Target, least: torch.Tensor, points: int) -> npt.NDArray[np.float64]:
    """The steepest of the pieces of the way to `least` (B, N), NaN where no attack succeeded."""

    def decode(received: torch.Tensor) -> torch.Tensor:
        return target.system.decode_differentiably(received, target.noise_variance)

    known = ~least.isnan().any(dim=1)
    path = torch.full((len(target),), torch.nan, dtype=torch.float64)
    path[known] = steepest_on_path(decode, target.received[known], least[known], points)
    return np.asarray(path.numpy())


def _boundaries(target: Target) -> Columns:
    """The cheapest block of each image; NaN where the code has no such set, or the image does not fit."""
    words, images = words_of(target), len(target)
    feasible = target.sent.feasible.numpy()

    def cheapest(powers: torch.Tensor) -> npt.NDArray[np.float64]:
        least = powers.reshape(images, -1).min(dim=1).values.numpy()
        return np.where(feasible & np.isfinite(least), least, np.nan)

    return {"codeword_power": cheapest(codeword_power(words)), "stopping_power": cheapest(stopping_power(words))}


STEP = Step(
    kind="theory",
    stage="samples",
    folder="samples/theory",
    files=(".parquet",),
    names=lambda params: params.attacked(),
    needs=needs,
    settings=settings,
    versions=lambda *_: {"theory": 1},
    make=make,
    gpu=lambda params, name: "gradient" in SYSTEMS[params.systems[name].kind].capabilities,
    memory_mb=2000,
    minutes=60,
)
